//! PID 1 beats on, and whoever allocates is stuck: the livelock signature.
//!
//! The kernel's own detectors stay silent in it: the looping tasks are runnable and call `cond_resched()`, which feeds
//! the soft-lockup watchdog (`kernel/watchdog.c`), and khungtaskd looks at sleeping tasks alone (`kernel/hung_task.c`).

use super::{Judgement, PROOF};
use crate::seen::Seen;
use crate::stall;
use model::{Evidence, Kind, Probe, RuleId};

pub(super) fn judge(seen: &Seen) -> Judgement {
    let (Some(hello), None) = (seen.hello, &seen.finished) else { return Judgement::No };
    let Some((beat_at, _)) = seen.beat else { return Judgement::No };
    let canary = seen.canary_moved.unwrap_or(hello);
    let progress = seen.progress();
    let (stuck, threshold) = (seen.now().fair_since(progress), seen.stuck_s());
    for round in 1..PROOF {
        let limit = f64::from(round) * threshold;
        if stuck < limit {
            return Judgement::later(seen, limit, stuck);
        }
        let idle = seen.clock.demand(progress.host).is_some_and(|demand| demand < stall::BUSY);
        let blocked = (idle && round + 1 == PROOF).then_some(Probe::Sysrq('w'));
        let probes = [Probe::Profile, Probe::Memory].into_iter().map(|probe| (probe, round as usize));
        let missing =
            probes.chain(blocked.map(|probe| (probe, 1))).find(|(probe, n)| seen.inquiry.asked(*probe, progress) < *n);
        if let Some((probe, _)) = missing {
            return Judgement::Ask(probe);
        }
    }
    // Evidence must have stood for several times the threshold before it counts as a hang.
    let limit = f64::from(PROOF) * threshold;
    if stuck < limit {
        return Judgement::later(seen, limit, stuck);
    }
    let beats = beat_at.fair_since(canary) >= 0.8 * limit && seen.now().fair_since(beat_at) < threshold;
    if !beats {
        // The beat is silent too: another rule's subject.
        return Judgement::No;
    }
    let mut verdict = stall::verdict(seen, RuleId::CanaryStuck, progress, stuck);
    verdict.evidence.insert(0, Evidence::HeartbeatAlive { canary_stuck_s: stuck });
    match verdict.kind {
        Kind::OomLivelock | Kind::SilentStall | Kind::ReclaimLivelock => Judgement::Confirm(Box::new(verdict)),
        _ => Judgement::is(verdict),
    }
}
