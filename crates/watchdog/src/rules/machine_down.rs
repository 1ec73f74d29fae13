//! The machine is down or QEMU has ended, and no earlier rule says why.

use super::{Judgement, workload_stuck};
use crate::ends::Exit;
use crate::observations::Observations;
use model::{Kind, RuleId, ShutdownCause, Verdict};

/// Resets of the machine that make a reboot loop: a test that reboots intentionally does so once or twice.
const MIN_RESETS: u32 = 5;

/// On the hosts that QEMU has KVM for but MIPS (Linux, `include/uapi/asm-generic/signal.h`). QEMU's seccomp filter sends it
/// (`arch::SANDBOX`).
const SIGSYS: i32 = 31;

pub(super) fn judge(observed: &Observations) -> Judgement {
    if observed.resets >= MIN_RESETS {
        let summary = format!("the guest reset its machine {} times", observed.resets);
        return Judgement::verdict(Verdict::new(Kind::RebootLoop, RuleId::MachineDown, summary));
    }
    if !observed.ended() {
        return Judgement::NotApplicable;
    }
    // After a shutdown by the guest, QEMU's exit says nothing about the guest.
    let by_guest = observed.guest_shut_down || observed.shutdown.as_ref().is_some_and(ShutdownCause::is_by_guest);
    let foreign = observed.exit.as_ref().filter(|_| !by_guest).and_then(|exit| from_outside(observed, exit));
    Judgement::verdict(foreign.unwrap_or_else(|| by_itself(observed)))
}

/// The verdict on a QEMU that the guest did not end.
fn from_outside(observed: &Observations, exit: &Exit) -> Option<Verdict> {
    if exit.host_oom {
        let summary = match &exit.oom_limit {
            Some(limit) => format!(
                "the lab's control group reached its limit of {} MiB ({}), and the OOM killer ended QEMU",
                limit.mib, limit.file
            ),
            None => "the host ran out of memory, and its OOM killer ended QEMU".to_owned(),
        };
        return Some(Verdict::new(Kind::HostOverloaded, RuleId::MachineDown, summary));
    }
    if let Some(signal) = exit.signal {
        let summary = match signal {
            SIGSYS => format!(
                "QEMU was ended by SIGSYS: its sandbox denies a system call, as for a new process{}",
                said(exit)
            ),
            signal => format!("QEMU was ended by signal {signal} from outside{}", said(exit)),
        };
        return Some(Verdict::new(Kind::QemuDied, RuleId::MachineDown, summary));
    }
    let Some(code) = exit.code else {
        // A QEMU that the lab did not start has no exit status.
        let summary = "the guest's console ended, and nothing had been wrong until then";
        return Some(Verdict::new(Kind::Interrupted, RuleId::MachineDown, summary));
    };
    if code != 0 {
        let kind = if observed.console_activity.is_some() { Kind::QemuDied } else { Kind::QemuFailed };
        return Some(Verdict::new(kind, RuleId::MachineDown, format!("QEMU ended with status {code}{}", said(exit))));
    }
    if observed.shutdown.is_none() && !observed.qmp_connected && observed.console_activity.is_none() {
        // `-machine help`, `--version`, another program.
        let summary = format!("QEMU ended with status 0 and ran no guest{}", said(exit));
        return Some(Verdict::new(Kind::QemuFailed, RuleId::MachineDown, summary));
    }
    let cause = observed.shutdown.as_ref().filter(|cause| cause.is_by_host())?;
    let summary = format!("QEMU was ended from outside ({})", cause.name());
    Some(Verdict::new(Kind::QemuDied, RuleId::MachineDown, summary))
}

/// The verdict on a guest that reset or switched off its machine.
fn by_itself(observed: &Observations) -> Verdict {
    let last = || if observed.last_line.is_empty() { Vec::new() } else { vec![observed.last_line.clone()] };
    let reset = observed.shutdown == Some(ShutdownCause::GuestReset);
    let did = if reset { "reset itself" } else { "powered off" };
    let is_booting = observed.setup.agent && observed.agent_up.is_none();
    if reset && !is_booting && is_unannounced(observed) {
        let summary = "the machine reset itself, and the kernel had not announced it: a triple fault, or a watchdog";
        let mut verdict = Verdict::new(Kind::SpontaneousReset, RuleId::MachineDown, summary);
        verdict.lines = last();
        return verdict;
    }
    if !observed.setup.agent {
        return by_itself_without_agent(observed, did);
    }
    if observed.in_sysrq_window()
        && let Some(verdict) = workload_stuck::instead_of_answer(observed)
    {
        return verdict;
    }
    let stuck = observed.now().granted_since(observed.progress());
    if observed.in_sysrq_window() && stuck >= observed.stuck_s() {
        let summary =
            format!("the guest {did} after a sysrq letter of the lab; before that it looked stuck for {stuck:.0} s");
        let mut verdict = Verdict::new(Kind::Unproven, RuleId::MachineDown, summary);
        verdict.lines = last();
        return verdict;
    }
    let (kind, when) = match (observed.agent_up, reset) {
        (None, true) => (Kind::RebootLoop, "before the agent came up"),
        (None, false) => (Kind::BootPowerOff, "before the agent came up"),
        (Some(_), _) => (Kind::EarlyPowerOff, "before the workload had ended"),
    };
    let mut verdict = Verdict::new(kind, RuleId::MachineDown, format!("the guest {did} {when}"));
    verdict.lines = last();
    verdict
}

/// Whether a kernel that prints its messages has not said that the machine restarts.
fn is_unannounced(observed: &Observations) -> bool {
    observed.is_kernel_heard() && !observed.is_restart_announced && !observed.in_sysrq_window()
}

/// A guest without the agent ends when it likes, unless its test was to end with a text.
fn by_itself_without_agent(observed: &Observations, did: &str) -> Verdict {
    let Some(until) = &observed.setup.expects.until else {
        return Verdict::new(Kind::Finished, RuleId::MachineDown, format!("the guest {did} by itself"));
    };
    let summary = format!("the guest {did} before its console said \"{until}\"");
    Verdict::new(Kind::EarlyPowerOff, RuleId::MachineDown, summary)
}

fn said(exit: &Exit) -> String {
    let stderr = exit.stderr.trim();
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}
