//! The machine is down or QEMU has ended, and no earlier rule says why.

use super::Judgement;
use crate::observations::{Exit, Observations};
use model::{Kind, RuleId, Verdict};

pub(super) fn judge(observed: &Observations) -> Judgement {
    if !observed.ended() {
        return Judgement::NotApplicable;
    }
    // Reasons: QEMU's `qapi/run-state.json`, `ShutdownCause`.
    let reason = observed.shutdown.as_deref().unwrap_or("unknown");
    // Once the guest has shut the machine down, it says nothing of the guest how QEMU came to its end.
    let by_guest = observed.guest_shut_down || reason.starts_with("guest-");
    let foreign = observed.exit.as_ref().filter(|_| !by_guest).and_then(|exit| from_outside(observed, exit, reason));
    Judgement::verdict(foreign.unwrap_or_else(|| by_itself(observed, reason)))
}

/// The verdict on a QEMU that the guest did not end.
fn from_outside(observed: &Observations, exit: &Exit, reason: &str) -> Option<Verdict> {
    if let Some(signal) = exit.signal {
        let summary = format!("QEMU was ended by signal {signal} from outside{}", said(exit));
        return Some(Verdict::new(Kind::QemuDied, RuleId::MachineDown, summary));
    }
    let Some(code) = exit.code else {
        // A QEMU that the lab did not start, of which only the end is known.
        let summary = "the guest's console ended, and nothing had been wrong until then";
        return Some(Verdict::new(Kind::Interrupted, RuleId::MachineDown, summary));
    };
    if code != 0 {
        let kind = if observed.console_activity.is_some() { Kind::QemuDied } else { Kind::QemuFailed };
        return Some(Verdict::new(kind, RuleId::MachineDown, format!("QEMU ended with status {code}{}", said(exit))));
    }
    let summary = || format!("QEMU was ended from outside ({reason})");
    reason.starts_with("host-").then(|| Verdict::new(Kind::QemuDied, RuleId::MachineDown, summary()))
}

/// The verdict on a guest that reset or switched off its machine.
fn by_itself(observed: &Observations, reason: &str) -> Verdict {
    let last = || if observed.last_line.is_empty() { Vec::new() } else { vec![observed.last_line.clone()] };
    let reset = reason == "guest-reset";
    let did = if reset { "reset itself" } else { "powered off" };
    if !observed.setup.agent {
        return Verdict::new(Kind::Finished, RuleId::MachineDown, format!("the guest {did} by itself"));
    }
    let stuck = observed.now().granted_since(observed.progress());
    if observed.in_sysrq_window() && stuck >= observed.stuck_s() {
        let summary =
            format!("the guest {did} after a sysrq letter of the lab; before that it looked stuck for {stuck:.0} s");
        let mut verdict = Verdict::new(Kind::Unproven, RuleId::MachineDown, summary);
        verdict.lines = last();
        return verdict;
    }
    let (kind, when) = match (observed.hello, reset) {
        (None, true) => (Kind::RebootLoop, "before the agent came up"),
        (None, false) => (Kind::BootPowerOff, "before the agent came up"),
        (Some(_), _) => (Kind::EarlyPowerOff, "before the workload had ended"),
    };
    let mut verdict = Verdict::new(kind, RuleId::MachineDown, format!("the guest {did} {when}"));
    verdict.lines = last();
    verdict
}

fn said(exit: &Exit) -> String {
    let stderr = exit.stderr.trim();
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}
