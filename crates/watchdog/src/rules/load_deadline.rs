//! The workload neither ended nor got stuck within its time.

use super::workload_ended::advancing;
use super::{Judgement, time_is_up};
use crate::clock::Moment;
use crate::seen::Seen;
use model::{Kind, RuleId, Verdict};

pub(super) fn judge(seen: &Seen) -> Judgement {
    let (Some(since), None) = (seen.started.or(seen.hello), &seen.finished) else { return Judgement::No };
    let limit = seen.setup.timeouts.load_s * seen.slowness();
    if let Err(judgement) = time_is_up(seen, RuleId::LoadDeadline, since, limit) {
        return judgement;
    }
    let done = format!("the workload did not end within {limit:.0} s");
    let advances = if works(seen) { advancing(seen, RuleId::LoadDeadline, &done) } else { None };
    let mut verdict = advances.unwrap_or_else(|| {
        Verdict::new(Kind::LoadTimeout, RuleId::LoadDeadline, format!("{done}; {}", standing(seen, since)))
    });
    verdict.victim = seen.kill.as_ref().map(|kill| kill.what.clone());
    verdict.lines = seen.kill.iter().map(|kill| kill.line.clone()).collect();
    Judgement::is(verdict)
}

/// Whether the workload itself still gets on. A task that waits in the allocator for good leaves the canary alone: a guest
/// of which only the canary goes on is not called slow.
fn works(seen: &Seen) -> bool {
    seen.units_moved.is_some_and(|moved| seen.now().fair_since(moved) < seen.stuck_s())
}

/// What went on and what stood still, each for itself: a canary that goes on says nothing of the workload.
fn standing(seen: &Seen, since: Moment) -> String {
    let units = match seen.units_moved {
        Some(moved) => format!("its last unit of work was seen {} ago", duration(seen, moved)),
        None => format!("no unit of work was seen of it in {}", duration(seen, since)),
    };
    let canary = seen.canary_moved.map(|moved| format!(", the canary's last round {} ago", duration(seen, moved)));
    units + &canary.unwrap_or_default()
}

/// Fair seconds, and those of the host's clock where they are others.
fn duration(seen: &Seen, since: Moment) -> String {
    let fair_s = seen.now().fair_since(since).round();
    let host_s = seen.now().host.since(since.host).as_secs_f64().round();
    if host_s > 1.1 * fair_s && host_s > fair_s + 1.0 {
        format!("{fair_s:.0} s ({host_s:.0} s by the host's clock)")
    } else {
        format!("{fair_s:.0} s")
    }
}
