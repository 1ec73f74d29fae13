//! Trials whose evidence stays, however old it is.

use crate::store::{RunDir, StoreError, read_trial};
use model::{CellId, Failure, Outcome, RunId, TrialRecord, trial_folder};
use std::collections::{BTreeMap, BTreeSet};

/// Outcomes that say that the guest failed.
const FAILURES: [Outcome; 4] = [Outcome::Hang, Outcome::Crash, Outcome::BootFailed, Outcome::Fail];

/// Runs at the beginning of a failure whose evidence stays: the first one may be an odd one.
const MAX_FIRST: usize = 3;

/// A failure that is not fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFailure {
    /// The cell.
    pub cell: CellId,
    /// How it fails; `None`: in any way.
    pub failure: Option<Failure>,
    /// The first run that may have it at the present rate; `None`: any run.
    pub since: Option<RunId>,
}

impl OpenFailure {
    fn matches(&self, trial: &TrialRecord) -> bool {
        let verdict = &trial.verdict;
        let is_it = |failure: &Failure| {
            failure.kind == verdict.kind && (failure.title.is_none() || failure.title == verdict.title)
        };
        self.failure.as_ref().map_or_else(|| FAILURES.contains(&verdict.outcome()), is_it)
    }
}

/// Folders of trials by run.
pub(super) type Protected = BTreeMap<RunId, BTreeSet<String>>;

/// The trials that show an open failure first and last, and those on which a bisection rests. `runs` are in the order of their start.
///
/// # Errors
/// When a record cannot be read.
pub(super) fn protected(runs: &[(RunId, RunDir)], open: &[OpenFailure]) -> Result<Protected, StoreError> {
    let mut found = Protected::new();
    for failure in open {
        let since = failure.since.as_ref().and_then(|since| runs.iter().position(|(id, _)| id == since)).unwrap_or(0);
        let with_failure = |(id, run): &(RunId, RunDir)| -> Result<Option<(RunId, Vec<String>)>, StoreError> {
            let trials = trials_of(run, &failure.cell)?.into_iter().filter(|trial| failure.matches(trial));
            let folders: Vec<String> = trials.map(|trial| trial.folder()).collect();
            Ok((!folders.is_empty()).then(|| (id.clone(), folders)))
        };
        let failing = |run| with_failure(run).transpose();
        let first = runs[since..].iter().filter_map(failing).take(MAX_FIRST);
        let last = runs[since..].iter().rev().filter_map(failing).take(1);
        for shown in first.chain(last) {
            let (id, folders) = shown?;
            found.entry(id).or_default().extend(folders);
        }
    }
    for (id, run) in runs {
        for regression in run.regressions()?.iter().filter(|regression| regression.session.is_some()) {
            let ends = [Some(id), regression.good_run.as_ref()];
            for (id, run) in runs.iter().filter(|(id, _)| ends.contains(&Some(id))) {
                let folders = trials_of(run, &regression.cell)?.into_iter().map(|trial| trial.folder());
                found.entry(id.clone()).or_default().extend(folders);
            }
        }
    }
    Ok(found)
}

/// The finished trials of a cell.
fn trials_of(run: &RunDir, cell: &CellId) -> Result<Vec<TrialRecord>, StoreError> {
    let folder = |trial| run.path().join("cells").join(trial_folder(cell.as_str(), trial));
    let folders = (1..).map(folder).take_while(|folder| folder.is_dir());
    folders.filter(|folder| folder.join("trial.json").is_file()).map(|folder| read_trial(&folder)).collect()
}
