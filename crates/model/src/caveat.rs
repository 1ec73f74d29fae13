//! What weakens a verdict.

use super::{ProfileSummary, Watermarks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One observation that weakens a verdict, or that a reader must know beside it. [`fmt::Display`] gives the phrase for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "tag", rename_all = "kebab-case")]
pub enum Caveat {
    /// The CPU time of the vCPU threads could not be read.
    CpuTimeUnknown,
    /// The vCPUs could not be sampled.
    ProfileMissing,
    /// Most samples were outside the allocator and reclaim.
    ProfileElsewhere(ProfileSummary),
    /// Free memory is above the high watermark.
    FreeMemory(Watermarks),
    /// The OOM reaper freed the memory of a victim.
    OomReaped {
        /// Process id of the victim.
        pid: u32,
    },
    /// The host was short of CPU time.
    HostPressure {
        /// PSI `some avg10` of the CPU, in percent.
        psi_some_avg10: f32,
    },
    /// The host granted the guest less than half of its CPU demand.
    CpuShare {
        /// The share that it granted, from 0 to 1.
        share: f64,
    },
    /// A report of a hang that claims more time than the guest was granted: steal time explains it, or the kernel is not up for so long.
    DiscountedReport {
        /// First line of the report.
        line: String,
    },
    /// A sysrq letter could not be sent.
    SysrqFailed {
        /// The letter.
        letter: char,
        /// Why not.
        why: String,
    },
    /// PID 1 sends no heartbeat either.
    HeartbeatLost {
        /// Seconds granted to the guest since the last heartbeat.
        silent_s: f64,
    },
    /// The canary still allocates.
    CanaryAlive,
    /// The lab's agent does not run in the guest: a silent console may have nothing to say.
    NoAgent,
    /// The kernel's own counters could not be read.
    CountersUnknown {
        /// Why not.
        why: String,
    },
    /// A line said that the kernel panicked, and the machine shows that it did not.
    DoubtedPanic {
        /// The line.
        line: String,
    },
    /// The kernel runs, by its own counters, though it prints nothing.
    KernelRuns,
    /// The workload ended, and the guest did not power off.
    NoPowerOff,
    /// The record of the events reached its maximum length before the verdict, and cannot be judged again.
    RecordFull,
    /// OpenSBI may have started two harts at the kernel's first instruction.
    DoubleHartStart,
    /// The phrase alone, as schema 1 stored it.
    #[schemars(skip)]
    Text {
        /// The phrase.
        #[serde(rename = "text", skip_serializing)]
        phrase: String,
    },
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CpuTimeUnknown => f.write_str("vCPU demand unknown"),
            Self::ProfileMissing => f.write_str("no profile of the vCPUs"),
            Self::ProfileElsewhere(profile) => write!(f, "most samples outside the allocator: {profile}"),
            Self::FreeMemory(marks @ Watermarks { high_kib, .. }) => {
                write!(f, "{}, above the high watermark {high_kib} KiB", marks.free())
            }
            Self::OomReaped { pid } => write!(f, "the OOM reaper freed the memory of pid {pid}"),
            Self::HostPressure { psi_some_avg10 } => {
                write!(f, "the host was short of CPU time (PSI some avg10 {psi_some_avg10:.0} %)")
            }
            Self::CpuShare { share } => write!(f, "the host granted only {:.0} % of the vCPU demand", 100.0 * share),
            Self::DiscountedReport { line } => write!(f, "the guest was not granted the CPU time that this report claims: {line}"),
            Self::SysrqFailed { letter, why } => write!(f, "sysrq-{letter} could not be sent: {why}"),
            Self::HeartbeatLost { silent_s } => write!(f, "no heartbeat for {silent_s:.0} s either"),
            Self::CanaryAlive => f.write_str("the canary still allocates: not every allocation is stuck"),
            Self::NoAgent => f.write_str("no agent in the guest: a silent console may have nothing to say"),
            Self::CountersUnknown { why } => write!(f, "the kernel's own counters are unknown: {why}"),
            Self::DoubtedPanic { line } => write!(f, "printed, but the kernel did not panic: {line}"),
            Self::KernelRuns => {
                f.write_str("the kernel runs all the same, by its own counters: `console=` does not name this console, perhaps")
            }
            Self::NoPowerOff => f.write_str("the guest did not power off afterwards"),
            Self::RecordFull => f.write_str("`events.jsonl` reached its maximum length before this: `oomlab replay` cannot judge it again"),
            Self::DoubleHartStart => f.write_str(
                "no output after OpenSBI's own, and several vCPUs are busy: versions of OpenSBI before 1.3 sometimes start a second one at \
                 the kernel's first instruction",
            ),
            Self::Text { phrase } => f.write_str(phrase),
        }
    }
}

impl From<String> for Caveat {
    fn from(phrase: String) -> Self {
        Self::Text { phrase }
    }
}
