//! The machine was paused over QMP, or QEMU's process stopped by a signal; the lab never does either for long.

use super::Judgement;
use crate::observations::Observations;
use model::{Kind, RuleId, Verdict};

/// Seconds for which a pause may last: a debugger or a snapshot may stop the machine for a moment.
const MAX_PAUSE_S: f64 = 10.0;

/// Seconds of the host's clock for which QEMU's process may be stopped without a break.
const MAX_STOPPED_S: f64 = 60.0;

pub(super) fn judge(observed: &Observations) -> Judgement {
    if let Some(since) = observed.stopped_since {
        let passed = observed.now().host.since(since.host).as_secs_f64();
        if passed >= MAX_STOPPED_S {
            let summary = format!("QEMU's process was stopped from outside for {passed:.0} s");
            return Judgement::verdict(Verdict::new(Kind::Paused, RuleId::Paused, summary));
        }
    }
    let Some(since) = observed.paused_since else { return Judgement::NotApplicable };
    let passed = observed.now().granted_since(since);
    if passed < MAX_PAUSE_S {
        return Judgement::defer(observed, MAX_PAUSE_S, passed);
    }
    Judgement::verdict(Verdict::new(Kind::Paused, RuleId::Paused, "the machine was paused over QMP and not resumed"))
}
