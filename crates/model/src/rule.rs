//! The rules that give verdicts.

use super::words::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// A rule that gives verdicts: the watchdog's in the order in which they are asked, then those by which the lab itself ends a
    /// trial. `docs/verdicts.md` explains each.
    RuleId {
        /// The kernel reported a failure on its console.
        ConsoleReport = "console-report" | "console",
        /// The workload ended.
        WorkloadEnded = "workload-ended" | "finish",
        /// The user stopped the run.
        Interrupted = "interrupted" | "interrupt",
        /// The machine is down, or QEMU has ended.
        MachineDown = "machine-down" | "exit",
        /// The host could not serve the file behind a disk.
        DiskFailed = "disk-failed" | "disk",
        /// QEMU cannot continue executing the guest.
        VcpuFailed = "vcpu-failed" | "vcpu",
        /// The machine or QEMU's process was paused from outside.
        Paused = "paused",
        /// The agent did not come up in time.
        BootDeadline = "boot-deadline",
        /// PID 1 sends no heartbeat.
        HeartbeatLost = "heartbeat-lost" | "beat-silent",
        /// PID 1 sends heartbeats, and allocations are stuck.
        CanaryStuck = "canary-stuck",
        /// Only the workload is stuck.
        WorkloadStuck = "workload-stuck",
        /// The test cannot be run over SSH, and the guest lives.
        SshFailed = "ssh-failed",
        /// The workload did not end in time.
        LoadDeadline = "load-deadline",
        /// A guest without the agent, judged from console and host alone.
        NoAgent = "no-agent" | "unattended",
        /// The lab could not make the trial ready.
        Prepare = "prepare",
        /// The lab could not bring the trial to its end.
        Driver = "driver",
    }
}

impl RuleId {
    /// Whether the lab itself ended the trial: the watchdog has not judged the guest.
    pub const fn is_lab(self) -> bool {
        matches!(self, Self::Prepare | Self::Driver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_reads_its_word_of_schema_1() {
        for (word, rule) in [("console", RuleId::ConsoleReport), ("unattended", RuleId::NoAgent)] {
            assert_eq!(serde_json::from_str::<RuleId>(&format!("{word:?}")).unwrap(), rule);
        }
        assert_eq!(serde_json::to_string(&RuleId::HeartbeatLost).unwrap(), r#""heartbeat-lost""#);
    }
}
