//! No page is allocated, and tasks are allocating.

use super::super::{CONFIRM_PERIODS, Judgement};
use crate::counter_log::Still;
use crate::observations::Observations;
use crate::stall::{self, MIN_BUSY_CPUS};
use model::{Onset, Probe, RuleId, Verdict};

/// The judgement by the kernel's counters. Free memory above the high watermarks excludes a livelock.
pub(super) fn judge(observed: &Observations) -> Judgement {
    let counters = &observed.probes.counters;
    let (Some(still), Some(last)) = (counters.allocations(), &counters.last) else { return Judgement::NotApplicable };
    if still.looks == 0 || counters.is_memory_free() != Some(false) {
        return Judgement::NotApplicable;
    }
    let (lasted, threshold) = (still.lasted_s(last.at), observed.stuck_s());
    let idle = observed.clock.demand(still.since.host).is_some_and(|demand| demand < MIN_BUSY_CPUS);
    for round in 1..CONFIRM_PERIODS {
        if lasted < f64::from(round) * threshold {
            // The next look shows more.
            return Judgement::NotApplicable;
        }
        let blocked = (idle && round + 1 == CONFIRM_PERIODS).then_some((Probe::Sysrq('w'), 1));
        let wanted = [(Probe::Profile, round as usize)].into_iter().chain(blocked);
        let mut missing = wanted.filter(|(probe, n)| observed.probes.count_since(*probe, still.since) < *n);
        if let Some((probe, _)) = missing.next() {
            return Judgement::Probe(probe);
        }
    }
    if lasted < f64::from(CONFIRM_PERIODS) * threshold || !is_wanted(observed, still, idle) {
        return Judgement::NotApplicable;
    }
    Judgement::stalled(verdict(observed, still, lasted), still.since, false)
}

/// Whether tasks are allocating: without a request, a lack of progress is no stall.
fn is_wanted(observed: &Observations, still: Still, idle: bool) -> bool {
    if idle {
        return observed.probes.blocked_tasks.all.iter().any(|blocked| blocked.allocates());
    }
    match stall::allocates(observed, still.since) {
        Some(allocates) => allocates,
        None => observed.probes.counters.stalls() > 0,
    }
}

fn verdict(observed: &Observations, still: Still, lasted: f64) -> Verdict {
    let mut verdict = stall::verdict(observed, RuleId::NoAgent, still.since, lasted);
    observed.probes.counters.evidence().into_iter().for_each(|evidence| verdict.evidence.insert(0, evidence));
    verdict.onset = Some(match observed.oom_kills.victim() {
        Some(kill) => kill.onset(),
        None => Onset { host: still.since.host, guest_s: None },
    });
    verdict
}
