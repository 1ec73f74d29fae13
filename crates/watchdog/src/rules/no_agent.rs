//! A guest without the agent: console and host alone are judged. Silence proves nothing there, a shell waits in silence; a silent
//! guest counts as stuck only while its vCPUs are busy with allocating.

use super::{Judgement, PROOF};
use crate::clock::Moment;
use crate::seen::Seen;
use crate::stall::{self, BUSY};
use model::{Caveat, Kind, Onset, Probe, RuleId, Verdict};

/// How many times longer a console may be silent than the beat of an agent.
const PATIENCE: f64 = 2.0;

pub(super) fn judge(seen: &Seen) -> Judgement {
    if seen.setup.agent {
        return Judgement::No;
    }
    let timeouts = &seen.setup.timeouts;
    let console = seen.console_moved.unwrap_or_default();
    let silent = seen.now().fair_since(console);
    let threshold = PATIENCE * timeouts.stuck_s;
    let limit = timeouts.boot_s + timeouts.load_s;
    let left = limit - seen.now().fair_s;
    let mut next = left;
    for round in 1..=PROOF {
        let due = f64::from(round) * threshold - silent;
        if due > 0.0 {
            next = next.min(due);
            break;
        }
        let busy = seen.clock.demand(console.host).is_some_and(|demand| demand >= BUSY);
        if !busy {
            next = next.min(threshold);
            break;
        }
        if round == PROOF {
            if let Some(verdict) = stuck(seen, console, silent) {
                return Judgement::is(verdict);
            }
            break;
        }
        for probe in [Probe::Profile, Probe::Memory] {
            if seen.inquiry.asked(probe, console) < round as usize {
                return Judgement::Ask(probe);
            }
        }
    }
    if left > 0.0 {
        return Judgement::later(seen, next, 0.0);
    }
    if seen.console_moved.is_none() {
        return Judgement::is(Verdict::new(
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
    verdict.lines = vec![seen.last_line.clone()];
    Judgement::is(verdict)
}

/// The verdict on a silent, busy guest; `None` when it may as well be busy with something sensible.
fn stuck(seen: &Seen, console: Moment, silent: f64) -> Option<Verdict> {
    let allocates = stall::allocates(seen, console);
    // A kill as the last word makes it likely enough even when nobody could look.
    if allocates == Some(false) || (allocates.is_none() && seen.kill.is_none()) {
        return None;
    }
    let mut verdict = stall::verdict(seen, RuleId::NoAgent, console, silent);
    verdict.confidence = (verdict.confidence - 0.2).max(0.3);
    verdict.caveats.push(Caveat::NoAgent);
    if let Some(kill) = &seen.kill {
        verdict.onset = Some(kill.onset());
    } else {
        verdict.onset = Some(Onset { host: console.host, guest_s: None });
    }
    Some(verdict)
}
