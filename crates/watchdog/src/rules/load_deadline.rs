//! The workload neither ended in time nor got stuck.

use super::workload_ended::{self, thrash_or_slow};
use super::{Judgement, check_deadline};
use crate::clock::Moment;
use crate::observations::Observations;
use model::{Kind, RuleId, Verdict};

/// The share of its time that a test has to end after the lab has asked it to, and its maximum in granted seconds.
const END_SHARE: f64 = 0.1;
const MAX_END_S: f64 = 10.0;

pub(super) fn judge(observed: &Observations) -> Judgement {
    // Over SSH a test starts later than the guest.
    let boot = observed.agent_up.filter(|_| !observed.setup.ssh);
    let (Some(since), None) = (observed.started.or(boot), &observed.finished) else {
        return Judgement::NotApplicable;
    };
    let limit = observed.setup.timeouts.load_s * observed.slowness();
    if let Some(judgement) = end_test(observed, since, limit) {
        return judgement;
    }
    if let Err(judgement) = check_deadline(observed, RuleId::LoadDeadline, since, limit) {
        return judgement;
    }
    if observed.output.format.is_some() {
        return Judgement::verdict(workload_ended::unfinished(observed, limit, &progress_report(observed, since)));
    }
    let done = format!("the workload did not end within {limit:.0} s");
    let advances = if makes_progress(observed) { thrash_or_slow(observed, RuleId::LoadDeadline, &done) } else { None };
    let mut verdict = advances.unwrap_or_else(|| {
        Verdict::new(Kind::LoadTimeout, RuleId::LoadDeadline, format!("{done}; {}", progress_report(observed, since)))
    });
    verdict.victim = observed.oom_kills.victim().map(|kill| kill.what.clone());
    verdict.lines = observed.oom_kills.victim().iter().map(|kill| kill.line.clone()).collect();
    Judgement::verdict(verdict)
}

/// A test over SSH is asked to end a little earlier, so that it may say what it has found. `None` where that does not apply, or is over.
fn end_test(observed: &Observations, since: Moment, limit: f64) -> Option<Judgement> {
    if !observed.setup.ssh || observed.session.ending.is_some() {
        return None;
    }
    let early = limit - (END_SHARE * limit).min(MAX_END_S * observed.slowness());
    let passed = observed.now().granted_since(since);
    Some(if passed < early { Judgement::recheck(observed, early, passed) } else { Judgement::EndTest })
}

/// Whether the workload itself makes progress. A task that is blocked in the allocator for good does not stop the canary: a guest
/// of which only the canary makes progress is not called slow.
fn makes_progress(observed: &Observations) -> bool {
    observed.workload_progress.is_some_and(|moved| observed.now().granted_since(moved) < observed.stuck_s())
}

/// The last progress of workload and canary, each for itself: an allocating canary says nothing of the workload.
fn progress_report(observed: &Observations, since: Moment) -> String {
    let units = match observed.workload_progress {
        Some(moved) => format!("its last unit of work was {} ago", duration(observed, moved)),
        None => format!("no unit of work in {}", duration(observed, since)),
    };
    let canary =
        observed.canary_progress.map(|moved| format!(", the canary's last round {} ago", duration(observed, moved)));
    units + &canary.unwrap_or_default()
}

/// Granted seconds, and those of the host's clock where they are others.
fn duration(observed: &Observations, since: Moment) -> String {
    let granted_s = observed.now().granted_since(since).round();
    let host_s = observed.now().host.since(since.host).as_secs_f64().round();
    if host_s > 1.1 * granted_s && host_s > granted_s + 1.0 {
        format!("{granted_s:.0} s ({host_s:.0} s by the host's clock)")
    } else {
        format!("{granted_s:.0} s")
    }
}
