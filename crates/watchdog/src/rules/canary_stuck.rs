//! The heartbeat is alive, and allocations are stuck: the livelock signature.
//!
//! The kernel's own detectors stay silent in it: the looping tasks are runnable and call `cond_resched()`, which feeds
//! the soft-lockup watchdog (`kernel/watchdog.c`), and khungtaskd looks at sleeping tasks alone (`kernel/hung_task.c`).

use super::{CONFIRM_PERIODS, Judgement};
use crate::observations::Observations;
use crate::stall;
use model::{Evidence, Kind, Probe, RuleId};

pub(super) fn judge(observed: &Observations) -> Judgement {
    let (Some(hello), None) = (observed.hello, &observed.finished) else { return Judgement::NotApplicable };
    let Some((beat_at, _)) = observed.beat else { return Judgement::NotApplicable };
    let canary = observed.canary_progress.unwrap_or(hello);
    let progress = observed.progress();
    let (stuck, threshold) = (observed.now().granted_since(progress), observed.stuck_s());
    for round in 1..CONFIRM_PERIODS {
        let limit = f64::from(round) * threshold;
        if stuck < limit {
            return Judgement::recheck(observed, limit, stuck);
        }
        let idle = observed.clock.demand(progress.host).is_some_and(|demand| demand < stall::MIN_BUSY_CPUS);
        let blocked = (idle && round + 1 == CONFIRM_PERIODS).then_some(Probe::Sysrq('w'));
        let probes = [Probe::Profile, Probe::Memory].into_iter().map(|probe| (probe, round as usize));
        let missing = probes
            .chain(blocked.map(|probe| (probe, 1)))
            .find(|(probe, n)| observed.probes.count_since(*probe, progress) < *n);
        if let Some((probe, _)) = missing {
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
    match verdict.kind {
        Kind::OomLivelock | Kind::SilentStall | Kind::ReclaimLivelock => Judgement::ConfirmBySysrqF(Box::new(verdict)),
        _ => Judgement::verdict(verdict),
    }
}
