//! Somebody paused the machine over QMP, or stopped QEMU's process by a signal; the lab never does for long.

use super::Judgement;
use crate::seen::Seen;
use model::{Kind, RuleId, Verdict};

/// Seconds for which a pause may last: a debugger or a snapshot may stop the machine for a moment.
const PAUSE_S: f64 = 10.0;

/// Seconds of the host's clock for which QEMU's process may be stopped without a break.
const STOPPED_S: f64 = 60.0;

pub(super) fn judge(seen: &Seen) -> Judgement {
    if let Some(since) = seen.stopped {
        let passed = seen.now().host.since(since.host).as_secs_f64();
        if passed >= STOPPED_S {
            let summary = format!("QEMU's process was stopped from outside and not continued for {passed:.0} s");
            return Judgement::is(Verdict::new(Kind::Paused, RuleId::Paused, summary));
        }
    }
    let Some(since) = seen.paused else { return Judgement::No };
    let passed = seen.now().fair_since(since);
    if passed < PAUSE_S {
        return Judgement::hold(seen, PAUSE_S, passed);
    }
    Judgement::is(Verdict::new(Kind::Paused, RuleId::Paused, "the machine was paused over QMP and not resumed"))
}
