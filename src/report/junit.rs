//! A run as JUnit XML for CI servers: one test suite for each kernel and architecture, one test case for each trial, and for each subtest.

use super::quarantine::sentence;
use model::{Cell, Outcome, RunRecord, Subtest, SubtestStatus, TrialRecord, trial_folder};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use std::collections::BTreeMap;
use std::time::Duration;

/// Maximum characters of a console line.
const MAX_LINE: usize = 4096;

/// The XML document of a run.
///
/// What was expected is a success, a known failure too, with a note in `system-out`. Something unexpected in a guest
/// is a failure, also when it is inconclusive: a CI server must not take that for a pass. A fault of the lab is an
/// error; a trial that the user stopped, that is quarantined, or that the run did not come to, is skipped. What the kernel reported
/// beside the verdict stands in `system-out`, or behind the console lines of a failure.
///
/// # Errors
/// When the XML writer fails.
pub fn junit(run: &RunRecord) -> Result<String, SerializeError> {
    let mut report = Report::new(xml(&run.name));
    report.set_time(seconds(run.duration_s));
    let mut suites = Suites(Vec::new());
    for trial in &run.trials {
        let suite = suites.of(&trial.cell);
        let name = suite.name.to_string();
        suite.add_test_case(case(run, trial, &name));
        suite.add_test_cases(subtest_cases(trial, &name));
    }
    for not_run in &run.not_run {
        let suite = suites.of(&not_run.cell);
        let name = suite.name.to_string();
        let id = not_run.cell.id.as_str();
        suite.add_test_cases(not_run.trials.iter().map(|number| not_run_case(&trial_folder(id, *number), &name)));
    }
    let Suites(mut suites) = suites;
    for suite in &mut suites {
        suite.set_time(suite.test_cases.iter().filter_map(|case| case.time).sum());
    }
    report.add_test_suites(suites);
    // The schema of Jenkins has no such attribute there; in what comes before it, quotes are escaped.
    Ok(report.to_string()?.replacen(&format!(" skipped=\"{}\"", report.skipped), "", 1))
}

/// One for each kernel and architecture, in the order of their first trials.
struct Suites(Vec<TestSuite>);

impl Suites {
    fn of(&mut self, cell: &Cell) -> &mut TestSuite {
        let name = xml(&format!("{}.{}", cell.kernel, cell.arch));
        let place = self.0.iter().position(|suite| suite.name.as_str() == name).unwrap_or_else(|| {
            self.0.push(TestSuite::new(name));
            self.0.len() - 1
        });
        &mut self.0[place]
    }
}

/// A trial that the run did not come to.
fn not_run_case(folder: &str, suite: &str) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message("not run").set_description("not run");
    let mut case = TestCase::new(case_name(folder, suite), status);
    case.set_classname(suite);
    case
}

/// The trial's folder without what it has in common with its suite.
fn case_name(folder: &str, suite: &str) -> String {
    let folder = xml(folder);
    folder.strip_prefix(&format!("{suite}.")).unwrap_or(&folder).to_owned()
}

fn case(run: &RunRecord, trial: &TrialRecord, suite: &str) -> TestCase {
    let mut case = TestCase::new(case_name(&trial.folder(), suite), status(run, trial));
    case.set_classname(suite).set_time(seconds(trial.duration_s));
    let expect = &trial.cell.expect;
    if trial.as_expected() && trial.verdict.outcome() != Outcome::Pass {
        let reason = expect.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        case.set_system_out(xml(&format!("expected {expect}{reason}\n{}", description(run, trial))));
    } else if let Some(also) = trial.also_line().filter(|_| trial.as_expected()) {
        case.set_system_out(xml(&bounded(&also)));
    }
    case
}

/// The subtests. GitLab ignores a second one of the same name, so that it gets a number.
fn subtest_cases(trial: &TrialRecord, suite: &str) -> Vec<TestCase> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    let mut cases = Vec::new();
    for subtest in &trial.subtests {
        let number = seen.entry(&subtest.name).or_default();
        *number += 1;
        let name = if *number == 1 { subtest.name.clone() } else { format!("{} #{number}", subtest.name) };
        cases.push(subtest_case(trial, subtest, &name, suite));
    }
    cases
}

/// A subtest: its class is the trial. One that fails where the trial is as expected or quarantined is known.
fn subtest_case(trial: &TrialRecord, subtest: &Subtest, name: &str, suite: &str) -> TestCase {
    let why = bounded(subtest.why.as_deref().unwrap_or(subtest.status.as_str()));
    let status = match subtest.status {
        SubtestStatus::Pass | SubtestStatus::ExpectedFail => TestCaseStatus::success(),
        status if status == SubtestStatus::Skip || !trial.is_unexpected() => TestCaseStatus::skipped(),
        _ => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    let mut case = TestCase::new(xml(name), status);
    // Jenkins shows the attribute, GitLab the content.
    case.status.set_message(xml(&why)).set_description(xml(&why));
    case.set_classname(format!("{suite}.{}", case_name(&trial.folder(), suite)));
    if let Some(time) = subtest.seconds {
        case.set_time(seconds(time));
    }
    case
}

fn status(run: &RunRecord, trial: &TrialRecord) -> TestCaseStatus {
    let verdict = &trial.verdict;
    if trial.as_expected() {
        return TestCaseStatus::success();
    }
    let kind = match verdict.outcome() {
        Outcome::LabError => NonSuccessKind::Error,
        Outcome::Pass
        | Outcome::Hang
        | Outcome::Crash
        | Outcome::BootFailed
        | Outcome::Fail
        | Outcome::Inconclusive => NonSuccessKind::Failure,
    };
    let mut status = if trial.is_interrupted() || !trial.is_unexpected() {
        TestCaseStatus::skipped()
    } else {
        TestCaseStatus::non_success(kind)
    };
    let message = match (trial.quarantine(), trial.missed_failure()) {
        (Some(known), _) => bounded(&sentence(known)),
        (None, Some(expected)) => format!("passed, expected {expected}"),
        (None, None) => bounded(&verdict.summary),
    };
    status
        .set_type(format!("{}/{}", verdict.outcome(), verdict.kind))
        .set_message(xml(&message))
        .set_description(xml(&description(run, trial)));
    status
}

/// What happened, the console lines that matter, where it is kept, how to see it again.
fn description(run: &RunRecord, trial: &TrialRecord) -> String {
    let folder = trial.folder();
    let mut lines: Vec<String> = trial.quarantine().map(|known| bounded(&sentence(known))).into_iter().collect();
    lines.push(bounded(&trial.verdict.summary));
    lines.extend(trial.verdict.lines.iter().map(|line| bounded(line)));
    lines.extend(trial.also_line().map(|also| bounded(&also)));
    lines.push(format!("{}/cells/{folder}/", run.dir.trim_end_matches('/')));
    lines.push(super::text::repro(run, &folder));
    lines.join("\n")
}

fn bounded(line: &str) -> String {
    line.chars().take(MAX_LINE).collect()
}

/// Text without the characters that no XML document can hold (XML 1.0, production `Char`).
fn xml(text: &str) -> String {
    let is_char = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_char(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
