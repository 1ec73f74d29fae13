//! A guest without the agent: console and host alone are judged. Silence proves nothing there, a shell waits in silence; a silent
//! guest counts as stuck only while its vCPUs are busy in the allocator.

use super::{CONFIRM_PERIODS, Judgement};
use crate::clock::Moment;
use crate::observations::Observations;
use crate::stall::{self, MIN_BUSY_CPUS};
use model::{Caveat, Kind, Onset, Probe, RuleId, Verdict};

/// How many times longer a console may be silent than the beat of an agent.
const SILENCE_FACTOR: f64 = 2.0;

pub(super) fn judge(observed: &Observations) -> Judgement {
    if observed.setup.agent {
        return Judgement::NotApplicable;
    }
    let timeouts = &observed.setup.timeouts;
    let console = observed.console_activity.unwrap_or_default();
    let silent = observed.now().granted_since(console);
    let threshold = SILENCE_FACTOR * timeouts.stuck_s;
    let limit = timeouts.boot_s + timeouts.load_s;
    let left = limit - observed.now().granted_s;
    let mut next = left;
    for round in 1..=CONFIRM_PERIODS {
        let due = f64::from(round) * threshold - silent;
        if due > 0.0 {
            next = next.min(due);
            break;
        }
        let busy = observed.clock.demand(console.host).is_some_and(|demand| demand >= MIN_BUSY_CPUS);
        if !busy {
            next = next.min(threshold);
            break;
        }
        if round == CONFIRM_PERIODS {
            if let Some(verdict) = stuck(observed, console, silent) {
                return Judgement::verdict(verdict);
            }
            break;
        }
        for probe in [Probe::Profile, Probe::Memory] {
            if observed.probes.count_since(probe, console) < round as usize {
                return Judgement::Probe(probe);
            }
        }
    }
    if left > 0.0 {
        return Judgement::recheck(observed, next, 0.0);
    }
    if observed.console_activity.is_none() {
        return Judgement::verdict(Verdict::new(
            Kind::BootSilent,
            RuleId::NoAgent,
            format!("the console stayed empty for {limit:.0} s"),
        ));
    }
    let mut verdict = Verdict::new(
        Kind::LoadTimeout,
        RuleId::NoAgent,
        format!("the guest was still running after {limit:.0} s; its console was last heard {silent:.0} s ago"),
    );
    verdict.lines = vec![observed.last_line.clone()];
    Judgement::verdict(verdict)
}

/// The verdict on a silent, busy guest; `None` when it may as well compute.
fn stuck(observed: &Observations, console: Moment, silent: f64) -> Option<Verdict> {
    let allocates = stall::allocates(observed, console);
    // A kill in the last line makes it likely enough even without a profile.
    if allocates == Some(false) || (allocates.is_none() && observed.oom_kill.is_none()) {
        return None;
    }
    let mut verdict = stall::verdict(observed, RuleId::NoAgent, console, silent);
    verdict.confidence = (verdict.confidence - 0.2).max(0.3);
    verdict.caveats.push(Caveat::NoAgent);
    if let Some(kill) = &observed.oom_kill {
        verdict.onset = Some(kill.onset());
    } else {
        verdict.onset = Some(Onset { host: console.host, guest_s: None });
    }
    Some(verdict)
}
