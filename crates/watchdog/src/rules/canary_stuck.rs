//! The heartbeat is alive, and allocations are stuck: the livelock signature.
//!
//! The kernel's own detectors stay silent in it: the looping tasks are runnable and call `cond_resched()`, which feeds
//! the soft-lockup watchdog (`kernel/watchdog.c`), and khungtaskd looks at sleeping tasks alone (`kernel/hung_task.c`).

use super::{CONFIRM_PERIODS, Judgement};
use crate::clock::Moment;
use crate::observations::Observations;
use crate::stall;
use model::{Evidence, Kind, Probe, RuleId};

pub(super) fn judge(observed: &Observations) -> Judgement {
    let (Some(agent_up), None) = (observed.agent_up, &observed.finished) else { return Judgement::NotApplicable };
    let Some((beat_at, _)) = observed.beat else { return Judgement::NotApplicable };
    let canary = observed.canary_progress.unwrap_or(agent_up);
    let progress = observed.progress();
    let (stuck, threshold) = (observed.now().granted_since(progress), observed.stuck_s());
    for round in 1..CONFIRM_PERIODS {
        let limit = f64::from(round) * threshold;
        if stuck < limit {
            return Judgement::recheck(observed, limit, stuck);
        }
        if let Some(probe) = missing_probe(observed, progress, round) {
            return Judgement::Probe(probe);
        }
    }
    // A suspicion must last for several periods of the threshold before it is a hang.
    let limit = f64::from(CONFIRM_PERIODS) * threshold;
    if stuck < limit {
        return Judgement::recheck(observed, limit, stuck);
    }
    let beats = beat_at.granted_since(canary) >= 0.8 * limit && observed.now().granted_since(beat_at) < threshold;
    if !beats {
        // No heartbeat either: `heartbeat_lost`.
        return Judgement::NotApplicable;
    }
    let mut verdict = stall::verdict(observed, RuleId::CanaryStuck, progress, stuck);
    verdict.evidence.insert(0, Evidence::HeartbeatAlive { canary_stuck_s: stuck });
    verdict.evidence.extend(observed.probes.counters.evidence());
    match verdict.kind {
        Kind::OomLivelock | Kind::SilentStall | Kind::ReclaimLivelock => Judgement::stalled(verdict, progress, true),
        Kind::Unproven => Judgement::verdict(verdict),
        _ => Judgement::stalled(verdict, progress, false),
    }
}

/// What is to be probed in a round of the threshold since the last progress, and has not been.
fn missing_probe(observed: &Observations, progress: Moment, round: u32) -> Option<Probe> {
    let counters = &observed.probes.counters;
    let is_missing = |probe, count: u32| observed.probes.count_since(probe, progress) < count as usize;
    let idle = observed.clock.demand(progress.host).is_some_and(|demand| demand < stall::MIN_BUSY_CPUS);
    if is_missing(Probe::Profile, round) {
        Some(Probe::Profile)
    } else if counters.is_due(observed.now(), observed.stuck_s()) {
        Some(Probe::Counters)
    } else if counters.failure.is_some() && is_missing(Probe::Memory, round) {
        // Where the counters can be read, they have the memory figures too.
        Some(Probe::Memory)
    } else {
        (idle && round + 1 == CONFIRM_PERIODS && is_missing(Probe::Sysrq('w'), 1)).then_some(Probe::Sysrq('w'))
    }
}
