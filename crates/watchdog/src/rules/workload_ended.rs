//! The workload ended by itself.

use super::Judgement;
use crate::seen::{Finish, Seen};
use model::{Caveat, Kind, RuleId, Verdict};

/// Fair seconds that the guest has to power off; a crash on the way is still its own.
const POWER_OFF_S: f64 = 10.0;

/// Fair seconds that the canary of a thrashing guest spends in late rounds, in all. Measured from an idle host to one with
/// nine tasks a CPU: 5 to 22 in a guest that swaps to a slow disk, none in one that is soon helped by the OOM killer. Not
/// stretched by the calibration, for a disk is not slower where the CPU is.
const THRASHED_S: f64 = 2.0;

/// A guest that got less than this share of the time it wanted was slow, whatever it did.
const SLOW_SHARE: f64 = 0.15;

/// A trial that is over sooner, in seconds of the host's clock, was not slow: in its few samples chance rules.
const SLOW_S: f64 = 5.0;

/// So was one that computes so many times slower than the nominal one.
const SLOW_SPEED: f64 = 10.0;

pub(super) fn judge(seen: &Seen) -> Judgement {
    let Some(finish) = &seen.finished else { return Judgement::No };
    let passed = seen.now().fair_since(finish.at);
    if !seen.ended() && passed < POWER_OFF_S {
        return Judgement::hold(seen, POWER_OFF_S, passed);
    }
    let mut verdict = if finish.status == 0 { pass(seen, finish) } else { failure(finish) };
    if !seen.ended() {
        verdict.caveats.push(Caveat::NoPowerOff);
    }
    Judgement::is(verdict)
}

fn pass(seen: &Seen, finish: &Finish) -> Verdict {
    let done = format!("the workload finished after {} units of work", finish.units);
    advancing(seen, RuleId::WorkloadEnded, &done)
        .unwrap_or_else(|| Verdict::new(Kind::Finished, RuleId::WorkloadEnded, done))
}

fn failure(finish: &Finish) -> Verdict {
    let why = if finish.why.is_empty() { "no reason given" } else { &finish.why };
    Verdict::new(
        Kind::WorkloadFailed,
        RuleId::WorkloadEnded,
        format!("the workload ended with status {}: {why}", finish.status),
    )
}

/// What kept a guest back that got on all the same; `None` when nothing did.
pub(super) fn advancing(seen: &Seen, rule: RuleId, done: &str) -> Option<Verdict> {
    let thrashed = seen.thrashed_s;
    if thrashed >= THRASHED_S {
        let summary = format!("{done}; for {thrashed:.0} s allocations waited for reclaim, which advanced");
        return Some(Verdict::new(Kind::Thrash, rule, summary));
    }
    let (begin, end) = (seen.hello?, seen.finished.as_ref().map_or(seen.now(), |finish| finish.at));
    let host_s = end.host.since(begin.host).as_secs_f64();
    let share = if host_s > SLOW_S { end.fair_since(begin) / host_s } else { 1.0 };
    if share < SLOW_SHARE {
        let summary =
            format!("{done}; it got {:.0} % of the time that it wanted, and all of it advanced", 100.0 * share);
        return Some(Verdict::new(Kind::Slow, rule, summary));
    }
    let slowness = seen.slowness();
    (slowness >= SLOW_SPEED).then(|| {
        let summary = format!("{done}; it computes {slowness:.0} times slower than the nominal guest");
        Verdict::new(Kind::Slow, rule, summary)
    })
}
