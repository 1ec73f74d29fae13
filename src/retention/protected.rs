//! Trials whose evidence stays, however old it is.

use crate::matrix::cell_id;
use crate::store::{RunDir, StoreError, read_trial};
use model::{Cell, CellId, Failure, Outcome, RunId, TrialRecord, trial_folder};
use std::collections::{BTreeMap, BTreeSet};

/// Outcomes that say that the guest failed.
const FAILURES: [Outcome; 4] = [Outcome::Hang, Outcome::Crash, Outcome::BootFailed, Outcome::Fail];

/// Runs at the beginning of a failure whose evidence stays: the first one may be an odd one.
const MAX_FIRST: usize = 3;

/// A failure that is not fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFailure {
    /// The cell, by the id that the present program gives it.
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

/// A run, and the folders of its cells' trials.
#[derive(Debug)]
pub(super) struct PlannedRun {
    pub id: RunId,
    pub dir: RunDir,
    /// By the id that the present program gives the cell: in the run's files it may have another.
    folders: BTreeMap<CellId, Vec<String>>,
}

impl PlannedRun {
    /// Reads the plan.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(id: RunId, dir: RunDir) -> Result<Self, StoreError> {
        let of = |cell: &Cell| (1..=cell.repeat).map(|trial| trial_folder(cell.id.as_str(), trial)).collect();
        let folders = dir.plan()?.cells.iter().map(|cell| (cell_id(cell), of(cell))).collect();
        Ok(Self { id, dir, folders })
    }

    /// The finished trials of a cell. A number may be missing: the lab had no time for it, or could not start it.
    fn trials(&self, cell: &CellId) -> Result<Vec<TrialRecord>, StoreError> {
        let names = self.folders.get(cell).into_iter().flatten();
        let folders = names.map(|name| self.dir.path().join("cells").join(name));
        folders.filter(|folder| folder.join("trial.json").is_file()).map(|folder| read_trial(&folder)).collect()
    }

    /// The present id of a cell of this id in the run's files.
    fn present_id(&self, cell: &CellId) -> CellId {
        let first = trial_folder(cell.as_str(), 1);
        let known = self.folders.iter().find(|(_, folders)| folders.first() == Some(&first));
        known.map_or_else(|| cell.clone(), |(id, _)| id.clone())
    }
}

/// Folders of trials by run.
pub(super) type Protected = BTreeMap<RunId, BTreeSet<String>>;

/// The trials that show an open failure first and last, and those on which a bisection rests. `runs` are in the order of their start.
///
/// # Errors
/// When a record cannot be read.
pub(super) fn protected(runs: &[PlannedRun], open: &[OpenFailure]) -> Result<Protected, StoreError> {
    let mut found = Protected::new();
    for failure in open {
        let since = failure.since.as_ref().and_then(|since| runs.iter().position(|run| run.id == *since)).unwrap_or(0);
        let with_failure = |run: &PlannedRun| -> Result<Option<(RunId, Vec<String>)>, StoreError> {
            let trials = run.trials(&failure.cell)?.into_iter().filter(|trial| failure.matches(trial));
            let folders: Vec<String> = trials.map(|trial| trial.folder()).collect();
            Ok((!folders.is_empty()).then(|| (run.id.clone(), folders)))
        };
        let failing = |run| with_failure(run).transpose();
        let first = runs[since..].iter().filter_map(failing).take(MAX_FIRST);
        let last = runs[since..].iter().rev().filter_map(failing).take(1);
        for shown in first.chain(last) {
            let (id, folders) = shown?;
            found.entry(id).or_default().extend(folders);
        }
    }
    for bad in runs {
        for regression in bad.dir.regressions()?.iter().filter(|regression| regression.session.is_some()) {
            let cell = bad.present_id(&regression.cell);
            let ends = [Some(&bad.id), regression.good_run.as_ref()];
            for run in runs.iter().filter(|run| ends.contains(&Some(&run.id))) {
                let folders = run.trials(&cell)?.into_iter().map(|trial| trial.folder());
                found.entry(run.id.clone()).or_default().extend(folders);
            }
        }
    }
    Ok(found)
}
