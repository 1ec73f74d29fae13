//! What cells are called after a run.

use crate::support::nights::{Night, NightCell, cell, failing};
use model::{CellTrend, Expectation, Kind, Origin, RunId, Trend};
use oomlab::history::{Index, Keep};
use std::path::Path;
use tempfile::TempDir;

/// A night for each list of cells.
fn nights(cells: &[&[NightCell]]) -> TempDir {
    let runs = tempfile::tempdir().unwrap();
    for (day, cells) in (0..).zip(cells) {
        Night { runs: runs.path(), matrix: "nightly", day, cells }.write();
    }
    runs
}

fn trends(runs: &Path, night: usize) -> Vec<CellTrend> {
    let index = Index::open(runs, Keep::File).unwrap();
    index.trends(&RunId::new(format!("2026-01-{:02}-0", night + 1))).unwrap()
}

/// The words of one cell over the nights.
fn words(series: &[NightCell]) -> Vec<Trend> {
    let cells: Vec<&[NightCell]> = series.iter().map(std::slice::from_ref).collect();
    let runs = nights(&cells);
    (0..series.len()).map(|night| trends(runs.path(), night)[0].trend).collect()
}

#[test]
fn failure_is_new_once() {
    let (good, bad) = (failing("idle", 0, 5), failing("idle", 5, 5));
    let nights: Vec<NightCell> =
        std::iter::repeat_n(good.clone(), 8).chain(std::iter::repeat_n(bad, 4)).chain(vec![good; 4]).collect();
    let words = words(&nights);
    assert_eq!(words[..8], [Trend::Passing; 8]);
    assert_eq!(words[8..12], [Trend::New, Trend::StillFailing, Trend::StillFailing, Trend::StillFailing]);
    assert_eq!(words[12..], [Trend::Fixed, Trend::Passing, Trend::Passing, Trend::Passing]);
}

#[test]
fn later_runs_are_not_looked_at() {
    let nights_: Vec<NightCell> = [vec![failing("idle", 0, 5); 8], vec![failing("idle", 5, 5); 2]].concat();
    let cells: Vec<&[NightCell]> = nights_.iter().map(std::slice::from_ref).collect();
    let runs = nights(&cells);
    let before = trends(runs.path(), 8);
    Night { runs: runs.path(), matrix: "nightly", day: 10, cells: &[failing("idle", 0, 5)] }.write();
    assert_eq!(trends(runs.path(), 8), before);
    let since = before[0].since.as_ref().unwrap();
    assert_eq!(since.first, RunId::new("2026-01-09-0"));
    assert_eq!(before[0].rate_before.unwrap().trials, 40);
}

#[test]
fn another_failure_is_new() {
    let hang = cell("idle", &[Kind::OomLivelock; 5]);
    let crash = cell("idle", &[Kind::Panic; 5]);
    let nights_: Vec<NightCell> = [vec![hang; 8], vec![crash; 1]].concat();
    let cells: Vec<&[NightCell]> = nights_.iter().map(std::slice::from_ref).collect();
    let runs = nights(&cells);
    let found = trends(runs.path(), 8);
    let words: Vec<_> = found.iter().map(|trend| (trend.failure.as_ref().unwrap().kind, trend.trend)).collect();
    assert_eq!(words, [(Kind::Panic, Trend::New), (Kind::OomLivelock, Trend::Fixed)]);
}

#[test]
fn titles_tell_failures_apart() {
    let titled = |title: &str| NightCell {
        trials: vec![(Kind::Oops, Some(title.to_owned())); 5],
        ..cell("idle", &[Kind::Oops; 5])
    };
    let hostile = "BUG: \u{1b}[2J \u{202e}'; DROP TABLE run; -- \"\0";
    let nights_: Vec<NightCell> = [vec![titled("WARNING in a"); 8], vec![titled(hostile); 1]].concat();
    let cells: Vec<&[NightCell]> = nights_.iter().map(std::slice::from_ref).collect();
    let runs = nights(&cells);
    let found = trends(runs.path(), 8);
    assert_eq!(found[0].failure.as_ref().unwrap().title.as_deref(), Some(hostile));
    assert_eq!((found[0].trend, found[1].trend), (Trend::New, Trend::Fixed));
}

#[test]
fn expected_failures_are_no_news() {
    let expect = |night: NightCell| NightCell { expect: Expectation::of(Kind::OomLivelock.into()), ..night };
    let nights: Vec<NightCell> =
        [vec![expect(failing("idle", 5, 5)); 8], vec![expect(failing("idle", 0, 5)); 2]].concat();
    let words = words(&nights);
    assert_eq!(words[..8], [Trend::Expected; 8]);
    assert_eq!(words[8..], [Trend::Fixed, Trend::Passing]);
}

#[test]
fn cell_without_a_verdict_did_not_run() {
    let cells =
        [failing("idle", 0, 5), cell("hog", &[Kind::HostOverloaded; 3]), NightCell { repeat: 3, ..cell("late", &[]) }];
    let runs = nights(&[&cells]);
    let found: Vec<Trend> = trends(runs.path(), 0).iter().map(|trend| trend.trend).collect();
    assert_eq!(found, [Trend::Passing, Trend::NotRun, Trend::NotRun]);
}

#[test]
fn other_matrices_are_other_series() {
    let runs = tempfile::tempdir().unwrap();
    for day in 0..8 {
        Night { runs: runs.path(), matrix: "nightly", day, cells: &[failing("idle", 0, 5)] }.write();
        let boot = Night { runs: runs.path(), matrix: "boot", day: day + 10, cells: &[failing("idle", 5, 5)] };
        boot.write();
    }
    Night { runs: runs.path(), matrix: "nightly", day: 20, cells: &[failing("idle", 0, 5)] }.write();
    let found = trends(runs.path(), 20);
    assert_eq!((found[0].trend, found[0].rate.trials), (Trend::Passing, 45));
}

/// Where the failures of the last of these nights of one cell began.
fn origin(series: &[NightCell]) -> Origin {
    let cells: Vec<&[NightCell]> = series.iter().map(std::slice::from_ref).collect();
    let runs = nights(&cells);
    let index = Index::open(runs.path(), Keep::Memory).unwrap();
    let mut origins = index.origins(&RunId::new(format!("2026-01-{:02}-0", series.len()))).unwrap();
    assert_eq!(origins.len(), 1, "{origins:?}");
    origins.remove(0).origin
}

#[test]
fn failure_begins_in_the_interval_of_its_change() {
    // Two failures of five a night: no night is the first for certain, and the one before the last is green by chance.
    let counts = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 2, 2, 0, 2];
    let series: Vec<NightCell> = counts.map(|failures| failing("idle", failures, 5)).to_vec();
    let Origin::After { run, commit, starts } = origin(&series) else { panic!("there is a change") };
    assert!(run.as_str() <= "2026-01-10-0", "{run}: a green night later is chance");
    assert!(commit.starts_with("c0ffee0"), "{commit}");
    let most = starts.iter().max_by(|one, other| one.weight.total_cmp(&other.weight)).unwrap();
    assert!(most.commit.starts_with("c0ffee0a"), "the eleventh night's: {starts:?}");
    assert!(starts.iter().map(|start| start.weight).sum::<f64>() > 0.98, "{starts:?}");
}

#[test]
fn failure_begins_after_the_last_run_before_it() {
    let series = [0, 0, 1].map(|failures| failing("idle", failures, 1));
    let expected = Origin::After {
        run: RunId::new("2026-01-02-0"),
        commit: format!("c0ffee01{}", "5".repeat(32)),
        starts: Vec::new(),
    };
    assert_eq!(origin(&series), expected, "one failure proves no change");
    assert_eq!(origin(&[1, 0, 1].map(|failures| failing("idle", failures, 1))), Origin::Recurring);
    assert_eq!(origin(&[1, 1].map(|failures| failing("idle", failures, 1))), Origin::Unknown);
    assert_eq!(origin(&[cell("idle", &[Kind::QemuDied]), failing("idle", 1, 1)]), Origin::Unknown);
}
