//! The machine is down or QEMU has ended, and nothing said why beforehand.

use super::Judgement;
use crate::seen::{Exit, Seen};
use model::{Kind, RuleId, Verdict};

pub(super) fn judge(seen: &Seen) -> Judgement {
    if !seen.ended() {
        return Judgement::No;
    }
    // Reasons: QEMU's `qapi/run-state.json`, `ShutdownCause`.
    let reason = seen.shutdown.as_deref().unwrap_or("unknown");
    // Once the guest has shut the machine down, it says nothing of the guest how QEMU came to its end.
    let by_guest = seen.down || reason.starts_with("guest-");
    let foreign = seen.exit.as_ref().filter(|_| !by_guest).and_then(|exit| from_outside(seen, exit, reason));
    Judgement::is(foreign.unwrap_or_else(|| by_itself(seen, reason)))
}

/// The verdict on a QEMU that did not end for the guest's sake.
fn from_outside(seen: &Seen, exit: &Exit, reason: &str) -> Option<Verdict> {
    if let Some(signal) = exit.signal {
        let summary = format!("QEMU was ended by signal {signal} from outside{}", said(exit));
        return Some(Verdict::new(Kind::QemuDied, RuleId::MachineDown, summary));
    }
    let Some(code) = exit.code else {
        // Somebody else's QEMU, of which only the end is known.
        let summary = "the guest's console ended, and nothing had been wrong until then";
        return Some(Verdict::new(Kind::Interrupted, RuleId::MachineDown, summary));
    };
    if code != 0 {
        let kind = if seen.console_moved.is_some() { Kind::QemuDied } else { Kind::QemuFailed };
        return Some(Verdict::new(kind, RuleId::MachineDown, format!("QEMU ended with status {code}{}", said(exit))));
    }
    let summary = || format!("somebody else ended QEMU ({reason})");
    reason.starts_with("host-").then(|| Verdict::new(Kind::QemuDied, RuleId::MachineDown, summary()))
}

/// The verdict on a guest that reset or switched off its machine.
fn by_itself(seen: &Seen, reason: &str) -> Verdict {
    let last = || if seen.last_line.is_empty() { Vec::new() } else { vec![seen.last_line.clone()] };
    let reset = reason == "guest-reset";
    let did = if reset { "reset itself" } else { "powered off" };
    if !seen.setup.agent {
        return Verdict::new(Kind::Finished, RuleId::MachineDown, format!("the guest {did} by itself"));
    }
    let stuck = seen.now().fair_since(seen.progress());
    if seen.provoked() && stuck >= seen.stuck_s() {
        let summary = format!(
            "the guest {did} when the lab sent it a sysrq letter; before that it had looked stuck for {stuck:.0} s"
        );
        let mut verdict = Verdict::new(Kind::Unproven, RuleId::MachineDown, summary);
        verdict.lines = last();
        return verdict;
    }
    let (kind, when) = match (seen.hello, reset) {
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
