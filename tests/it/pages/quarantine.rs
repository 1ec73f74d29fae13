//! Quarantined failures, expected ones that passed, and removed files on the pages.

use super::sample::{expired, livelock, page_of_run, page_of_trial, run, trends, trial};
use model::{CellTrend, Expectation, Failure, Kind, Quarantine, RunRecord, Trend};

const SENTENCE: &str = "quarantined until 2030-01-31: the fix is on its way (https://example.org/1)";

fn known() -> Quarantine {
    Quarantine { until: "2030-01-31".parse().unwrap(), ..expired() }
}

fn failed() -> model::TrialRecord {
    livelock(trial("linux-7.3", "riscv64-nommu", 32, "zombie-victim", 1))
}

#[test]
fn quarantined_failure_has_its_reason_and_is_no_red_headline() {
    let mut failed = failed();
    failed.cell.quarantine.push(Quarantine { verdicts: vec![failed.verdict.kind.into()], ..known() });
    assert!(failed.quarantine().is_some());
    assert!(page_of_trial(&failed, &[], "").contains(SENTENCE));
    let failure = Failure { kind: failed.verdict.kind, title: failed.verdict.title.clone() };
    let new = CellTrend {
        cell: failed.cell.id.clone(),
        failure: Some(failure),
        trend: Trend::New,
        ..trends().into_iter().next().unwrap()
    };
    let mut one = run();
    one.trials = vec![failed.clone()];
    let page = page_of_run(&one, std::slice::from_ref(&new));
    assert!(page.contains(SENTENCE), "{page}");
    let badge = |tone: &str, page: &str| page.contains(&format!("<span class=\"badge {tone}\">new</span>"));
    assert!(badge("quarantined", &page) && !badge("unexpected", &page));
    // The same without the entry.
    one.trials[0].cell.quarantine.clear();
    assert!(badge("unexpected", &page_of_run(&one, &[new])));
}

#[test]
fn expected_failure_that_passed_is_named_until_it_is_news() {
    let mut passed = trial("linux-7.3", "riscv64-nommu", 32, "zombie-victim", 1);
    passed.cell.expect = Expectation::of(Kind::OomLivelock.into());
    let trend = CellTrend { cell: passed.cell.id.clone(), trend: Trend::Expected, ..trends().remove(0) };
    let one = RunRecord { trials: vec![passed], ..run() };
    let badge = r#"<span class="badge unexpected">unexpected</span>"#;
    assert!(page_of_run(&one, std::slice::from_ref(&trend)).contains(badge));
    let fixed = CellTrend { trend: Trend::Fixed, ..trend };
    assert!(!page_of_run(&one, &[fixed]).contains(badge));
}

#[test]
fn removed_files_are_named_and_have_no_link() {
    let mut failed = failed();
    let file = |name: &str| model::Artifact {
        file: name.to_owned(),
        bytes: 7,
        sha256: model::Digest::of_bytes(name.as_bytes()),
    };
    failed.artifacts = vec![file("why.md")];
    failed.removed = vec![file("console.log"), file("events.jsonl")];
    let page = page_of_trial(&failed, &[], "");
    assert!(page.contains("console.log, events.jsonl removed by `oomlab prune`"), "{page}");
    assert!(page.contains("console.log (removed)") && !page.contains("console.log\"") && !page.contains("0 lines"));
    assert!(page.contains("why.md\""));
}
