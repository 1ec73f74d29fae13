//! The workload ended.

use super::Judgement;
use crate::observations::{Finish, Observations};
use model::{Caveat, Kind, RuleId, Verdict};

/// Granted seconds for the guest to power off; a crash on the way is still its own.
const POWER_OFF_TIMEOUT_S: f64 = 10.0;

/// Granted seconds that the canary of a thrashing guest spends in late rounds, in all. Measured from an idle host to one with
/// nine tasks a CPU: 5 to 22 in a guest that swaps to a slow disk, none in one that is soon helped by the OOM killer. Not
/// stretched by the calibration, for a disk is not slower where the CPU is.
const MIN_THRASHED_S: f64 = 2.0;

/// A guest that was granted less than this share of its CPU demand counts as slow.
const SLOW_SHARE: f64 = 0.15;

/// A trial that is over sooner, in seconds for which the lab looked, was not slow: in its few samples chance rules.
const SLOW_S: f64 = 5.0;

/// So was one that computes so many times slower than the nominal one.
const SLOW_SPEED: f64 = 10.0;

pub(super) fn judge(observed: &Observations) -> Judgement {
    let Some(finish) = &observed.finished else { return Judgement::NotApplicable };
    let passed = observed.now().granted_since(finish.at);
    if !observed.ended() && passed < POWER_OFF_TIMEOUT_S {
        return Judgement::defer(observed, POWER_OFF_TIMEOUT_S, passed);
    }
    let mut verdict = if finish.status == 0 { pass(observed, finish) } else { failure(finish) };
    if !observed.ended() {
        verdict.caveats.push(Caveat::NoPowerOff);
    }
    Judgement::verdict(verdict)
}

fn pass(observed: &Observations, finish: &Finish) -> Verdict {
    let done = format!("the workload finished after {} units of work", finish.units);
    thrash_or_slow(observed, RuleId::WorkloadEnded, &done)
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

/// What slowed down a guest that made progress all the same; `None` when nothing did.
pub(super) fn thrash_or_slow(observed: &Observations, rule: RuleId, done: &str) -> Option<Verdict> {
    let thrashed = observed.thrashed_s;
    if thrashed >= MIN_THRASHED_S {
        let summary = format!("{done}; for {thrashed:.0} s allocations waited for reclaim, which made progress");
        return Some(Verdict::new(Kind::Thrash, rule, summary));
    }
    let (begin, end) = (observed.hello?, observed.finished.as_ref().map_or(observed.now(), |finish| finish.at));
    let watched_s = end.watched_since(begin);
    let share = if watched_s > SLOW_S { end.granted_since(begin) / watched_s } else { 1.0 };
    if share < SLOW_SHARE {
        let summary =
            format!("{done}; the host granted {:.0} % of its CPU demand, and it kept making progress", 100.0 * share);
        return Some(Verdict::new(Kind::Slow, rule, summary));
    }
    let slowness = observed.slowness();
    (slowness >= SLOW_SPEED).then(|| {
        let summary = format!("{done}; it computes {slowness:.0} times slower than the nominal guest");
        Verdict::new(Kind::Slow, rule, summary)
    })
}
