//! What trials took in earlier runs.

use crate::support::nights::{self, Night, cell};
use model::{Kind, TrialRecord};
use oomlab::history::{Index, Keep};
use oomlab::store::{RunDir, read_trial};
use std::path::Path;

/// Gives the trials of a run's only cell these durations, in seconds.
fn write(runs: &Path, day: u32, kinds: &[Kind], durations: &[f64]) {
    let night = Night { runs, matrix: "nightly", day, cells: &[cell("idle", kinds)] };
    let run = RunDir::open(&night.write()).unwrap();
    for (folder, duration_s) in run.trial_folders().unwrap().iter().zip(durations) {
        let record = read_trial(folder).unwrap();
        nights::write_trial(&run, &TrialRecord { duration_s: *duration_s, ..record });
    }
}

#[test]
fn costs_are_medians_of_the_latest_runs() {
    let runs = tempfile::tempdir().unwrap();
    // Before the kernel became quicker.
    (0..3).for_each(|day| write(runs.path(), day, &[Kind::Finished; 3], &[900.0; 3]));
    (3..11).for_each(|day| write(runs.path(), day, &[Kind::Finished; 3], &[10.0, 12.0, 90.0]));
    let index = Index::open(runs.path(), Keep::File).unwrap();
    let plan = RunDir::open(&runs.path().join("2026-01-11-0")).unwrap().plan().unwrap();
    let costs = index.costs().unwrap();
    assert!(costs.knows(&plan.cells[0]));
    assert_eq!(costs.trial_s(&plan.cells[0]), 12.0);
    let left = Index::as_left(runs.path()).unwrap().costs().unwrap();
    assert_eq!(left, costs, "they are in the file");
}

#[test]
fn trials_that_the_user_stopped_or_without_a_guest_tell_nothing() {
    let runs = tempfile::tempdir().unwrap();
    write(runs.path(), 0, &[Kind::Interrupted, Kind::KernelUnavailable], &[7.0, 0.0]);
    assert!(Index::open(runs.path(), Keep::File).unwrap().costs().unwrap().is_empty());
}
