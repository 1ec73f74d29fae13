//! The workload ended.

use super::Judgement;
use crate::ends::Finish;
use crate::observations::Observations;
use crate::title::MAX_NAMED;
use model::{Caveat, Kind, RuleId, Subtest, SubtestCounts, TestFormat, Verdict};
use testlog::Results;

/// Granted seconds for the guest to power off; a crash on the way is still its own.
const POWER_OFF_TIMEOUT_S: f64 = 10.0;

/// Granted seconds for the lab to fetch what a test has left.
const FETCH_TIMEOUT_S: f64 = 300.0;

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

/// What the agent says of a workload that a signal ended.
const KILLED: &str = "killed";

/// Exit status of what SIGKILL ended.
const SIGKILLED: i32 = 128 + 9;

pub(super) fn judge(observed: &Observations) -> Judgement {
    let Some(finish) = &observed.finished else { return Judgement::NotApplicable };
    let is_fetching = observed.setup.ssh && observed.session.closed.is_none() && observed.session.failed.is_none();
    let (since, limit) = match observed.session.closed {
        _ if is_fetching => (finish.at, FETCH_TIMEOUT_S),
        closed => (closed.unwrap_or(finish.at), POWER_OFF_TIMEOUT_S),
    };
    let passed = observed.now().granted_since(since);
    if !observed.ended() && passed < limit {
        return Judgement::defer(observed, limit, passed);
    }
    // Other words are of what kept the agent from starting the workload.
    let has_run = matches!(finish.why.as_str(), "" | KILLED);
    let mut verdict = match observed.output.format {
        Some(format) if has_run => tested(observed, finish, format),
        _ if finish.status == 0 => pass(observed, finish),
        _ => failure(finish),
    };
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

/// The verdict on a script: its exit status, and the results that it printed. A failed subtest is a failure whatever else happened;
/// without one, a test that did not run to its end proves nothing.
fn tested(observed: &Observations, finish: &Finish, format: TestFormat) -> Verdict {
    let results = observed.output.results();
    let counts = SubtestCounts::of(&results.subtests);
    let cut = observed.session.ending.map(|_| {
        format!(
            "the test did not end within {:.0} s, and the lab ended it",
            observed.setup.timeouts.load_s * observed.slowness()
        )
    });
    let is_silent = counts.total() == 0 && format != TestFormat::Exit;
    let gap = results.problem.clone().or(is_silent.then(|| "the test printed no results".to_owned()));
    if finish.status == 0 && counts.failures() == 0 && gap.is_none() && cut.is_none() {
        let how = if counts.total() == 0 { " with status 0".to_owned() } else { format!(": {counts}") };
        let done = format!("the test ended{how}");
        return thrash_or_slow(observed, RuleId::WorkloadEnded, &done)
            .unwrap_or_else(|| Verdict::new(Kind::Finished, RuleId::WorkloadEnded, done));
    }
    let failed = failed(&results, counts);
    // A test that the lab ended says by its exit nothing of what it tests.
    let end = if cut.is_some() { None } else { end_of(observed, finish, format) };
    let has_failed = failed.is_some() || (gap.is_none() && end.as_ref().is_some_and(|(_, has_failed)| *has_failed));
    let kind = match (has_failed, &cut) {
        (true, _) => Kind::TestFailed,
        (false, Some(_)) => Kind::LoadTimeout,
        (false, None) => Kind::WorkloadFailed,
    };
    let clauses: Vec<String> = failed.into_iter().chain(cut).chain(end.map(|(words, _)| words)).chain(gap).collect();
    Verdict::new(kind, RuleId::WorkloadEnded, clauses.join("; "))
}

/// The verdict on a script that did not end within `limit` granted seconds: nothing of it is a pass.
pub(super) fn unfinished(observed: &Observations, limit: f64, progress: &str) -> Verdict {
    let results = observed.output.results();
    let failed = failed(&results, SubtestCounts::of(&results.subtests));
    let kind = if failed.is_some() { Kind::TestFailed } else { Kind::LoadTimeout };
    let done = format!("the test did not end within {limit:.0} s; {progress}");
    let clauses: Vec<String> = failed.into_iter().chain([done]).collect();
    let mut verdict = Verdict::new(kind, RuleId::LoadDeadline, clauses.join("; "));
    verdict.victim = observed.oom_kills.victim().map(|kill| kill.what.clone());
    verdict.lines = observed.oom_kills.victim().iter().map(|kill| kill.line.clone()).collect();
    verdict
}

/// The failed subtests.
fn failed(results: &Results, counts: SubtestCounts) -> Option<String> {
    let names: Vec<&str> = Subtest::failed(&results.subtests).map(|test| test.name.as_str()).collect();
    let shown = &names[..names.len().min(MAX_NAMED)];
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| format!("{counts}: {}{more}", shown.join(", ")))
}

/// How a script ended that did not end well, and whether the test failed by that: a command that is missing and a test that the OOM
/// killer ended say nothing of what it tests. A shell exits with 128 + signal (POSIX, Shell Command Language, 2.8.2).
fn end_of(observed: &Observations, finish: &Finish, format: TestFormat) -> Option<(String, bool)> {
    match finish.status {
        0 => None,
        // stress-ng(1), EXIT STATUS.
        3 if format == TestFormat::StressNg => Some(("stress-ng lacked resources (status 3)".to_owned(), false)),
        4 if format == TestFormat::StressNg => {
            Some(("stress-ng has no such stressor here (status 4)".to_owned(), false))
        }
        126 | 127 => Some((format!("a command of the script could not be run (status {})", finish.status), false)),
        SIGKILLED => {
            let has_kills = observed.kills() > 0;
            let by = if has_kills { ", after an OOM kill" } else { "" };
            Some((format!("the test was ended by SIGKILL{by}"), !has_kills))
        }
        status @ 129..=192 => Some((format!("the test was ended by signal {}", status - 128), true)),
        status => Some((format!("the test exited with status {status}"), true)),
    }
}

fn failure(finish: &Finish) -> Verdict {
    let why = if finish.why.is_empty() { "no reason given" } else { &finish.why };
    let errno = i32::try_from(finish.errno).ok().filter(|&errno| errno != 0);
    let last =
        errno.map(|errno| format!("; the last system call that failed: {}", std::io::Error::from_raw_os_error(errno)));
    let summary = format!("the workload ended with status {}: {why}{}", finish.status, last.unwrap_or_default());
    Verdict::new(Kind::WorkloadFailed, RuleId::WorkloadEnded, summary)
}

/// What slowed down a guest that made progress all the same; `None` when nothing did.
pub(super) fn thrash_or_slow(observed: &Observations, rule: RuleId, done: &str) -> Option<Verdict> {
    let thrashed = observed.thrashed_s;
    if thrashed >= MIN_THRASHED_S {
        let summary = format!("{done}; for {thrashed:.0} s allocations waited for reclaim, which made progress");
        return Some(Verdict::new(Kind::Thrash, rule, summary));
    }
    let (begin, end) = (observed.agent_up?, observed.finished.as_ref().map_or(observed.now(), |finish| finish.at));
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
