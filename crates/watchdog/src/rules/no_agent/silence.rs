//! Without the kernel's counters: a silent console proves nothing, a shell waits in silence. A silent guest counts as stuck only while its vCPUs
//! are busy in the allocator.

use super::super::{CONFIRM_PERIODS, Judgement};
use crate::clock::Moment;
use crate::observations::Observations;
use crate::stall::{self, MIN_BUSY_CPUS};
use model::{Caveat, Onset, Probe, RuleId, Verdict};

/// How many times longer a console may be silent than the beat of an agent.
const SILENCE_FACTOR: f64 = 2.0;

pub(super) fn judge(observed: &Observations) -> Judgement {
    let console = observed.console_activity.unwrap_or_default();
    let silent = observed.now().granted_since(console);
    let threshold = SILENCE_FACTOR * observed.stuck_s();
    for round in 1..=CONFIRM_PERIODS {
        let limit = f64::from(round) * threshold;
        if silent < limit {
            return Judgement::recheck(observed, limit, silent);
        }
        if observed.clock.demand(console.host).is_none_or(|demand| demand < MIN_BUSY_CPUS) {
            return Judgement::recheck(observed, threshold, 0.0);
        }
        for probe in [Probe::Profile, Probe::Memory] {
            if round < CONFIRM_PERIODS && observed.probes.count_since(probe, console) < round as usize {
                return Judgement::Probe(probe);
            }
        }
    }
    stuck(observed, console, silent).map_or(Judgement::NotApplicable, Judgement::verdict)
}

/// The verdict on a silent, busy guest; `None` when it may as well compute, or when memory is free.
fn stuck(observed: &Observations, console: Moment, silent: f64) -> Option<Verdict> {
    let allocates = stall::allocates(observed, console);
    // A kill in the last line makes it likely enough even without a profile.
    if allocates == Some(false) || (allocates.is_none() && observed.oom_kills.last().is_none()) {
        return None;
    }
    let mut verdict = stall::verdict(observed, RuleId::NoAgent, console, silent);
    if verdict.caveats.iter().any(|caveat| matches!(caveat, Caveat::FreeMemory(_))) {
        return None;
    }
    verdict.confidence = (verdict.confidence - 0.2).max(0.3);
    verdict.caveats.push(Caveat::NoAgent);
    verdict.caveats.extend(observed.probes.counters.failure.clone().map(|why| Caveat::CountersUnknown { why }));
    verdict.onset = Some(match observed.oom_kills.victim() {
        Some(kill) => kill.onset(),
        None => Onset { host: console.host, guest_s: None },
    });
    Some(verdict)
}
