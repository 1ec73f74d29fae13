//! QEMU has ended, and nothing said why beforehand.

use super::{Judgement, Rule};
use crate::model::{Kind, Verdict};
use crate::watchdog::seen::{Exit, Seen};

pub(super) const RULE: Rule = Rule { name: "exit", judge };

fn judge(seen: &Seen) -> Judgement {
    seen.exit.as_ref().map_or(Judgement::No, |exit| Judgement::is(verdict(seen, exit)))
}

fn verdict(seen: &Seen, exit: &Exit) -> Verdict {
    // Reasons: QEMU's `qapi/run-state.json`, `ShutdownCause`.
    // Once the guest has shut the machine down, it says nothing of the guest how QEMU came to its end.
    let reason = seen.shutdown.as_deref().unwrap_or("unknown");
    let by_guest = reason.starts_with("guest-");
    if let Some(signal) = exit.signal.filter(|_| !by_guest) {
        return Verdict::new(
            Kind::QemuDied,
            "",
            format!("QEMU was ended by signal {signal} from outside{}", said(exit)),
        );
    }
    if exit.code != Some(0) && !by_guest {
        let kind = if seen.console_moved.is_some() { Kind::QemuDied } else { Kind::QemuFailed };
        let code = exit.code.map_or("an unknown status".to_owned(), |code| format!("status {code}"));
        return Verdict::new(kind, "", format!("QEMU ended with {code}{}", said(exit)));
    }
    if reason.starts_with("host-") {
        return Verdict::new(Kind::QemuDied, "", format!("somebody else ended QEMU ({reason})"));
    }
    let last = || if seen.last_line.is_empty() { Vec::new() } else { vec![seen.last_line.clone()] };
    let reset = reason == "guest-reset";
    let did = if reset { "reset itself" } else { "powered off" };
    if !seen.setup.agent {
        return Verdict::new(Kind::Finished, "", format!("the guest {did} by itself"));
    }
    let stuck = seen.now().fair_since(seen.progress());
    if seen.provoked() && stuck >= seen.stuck_s() {
        let summary = format!(
            "the guest {did} when the lab sent it a sysrq letter; before that it had looked stuck for {stuck:.0} s"
        );
        let mut verdict = Verdict::new(Kind::Unproven, "", summary);
        verdict.lines = last();
        return verdict;
    }
    let (kind, when) = match (seen.hello, reset) {
        (None, true) => (Kind::RebootLoop, "before the agent came up"),
        (None, false) => (Kind::BootPowerOff, "before the agent came up"),
        (Some(_), _) => (Kind::EarlyPowerOff, "before the workload had ended"),
    };
    let mut verdict = Verdict::new(kind, "", format!("the guest {did} {when}"));
    verdict.lines = last();
    verdict
}

fn said(exit: &Exit) -> String {
    let stderr = exit.stderr.trim();
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}
