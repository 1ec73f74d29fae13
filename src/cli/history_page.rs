//! The page of the history: all cells over the runs below a folder.

use crate::history::{HistoryError, Index, IndexedRun};
use crate::report::html::{self, Base, CellHistory, HistoryPage, HistoryRun, MatrixHistory, RunCount, Segment};
use model::{CellId, FailureHistory, RateSegment, RunId, Trend};
use std::collections::{BTreeMap, BTreeSet};

/// The page of one matrix or of all; `base` leads to the folder of the runs.
///
/// # Errors
/// When the index is damaged.
pub(super) fn history_page(index: &Index, matrix: Option<&str>, base: &Base) -> Result<String, HistoryError> {
    Ok(html::history(&HistoryPage { matrices: &matrices(index, matrix)?, base }))
}

/// One matrix or all, with their runs and the failures of their cells.
fn matrices(index: &Index, only: Option<&str>) -> Result<Vec<MatrixHistory>, HistoryError> {
    let mut runs: BTreeMap<String, Vec<RunId>> = BTreeMap::new();
    for IndexedRun { run, matrix } in index.runs()?.into_iter().rev() {
        if only.is_none_or(|name| name == matrix) {
            runs.entry(matrix).or_default().push(run);
        }
    }
    let mut histories = Vec::new();
    for (name, ids) in runs {
        let at: BTreeMap<&RunId, usize> = ids.iter().enumerate().map(|(at, run)| (run, at)).collect();
        let mut seen: BTreeMap<usize, (String, BTreeSet<String>)> = BTreeMap::new();
        let mut cells = Vec::new();
        for cell in index.cells(Some(&name))? {
            let Some(history) = index.cell(&cell)? else { continue };
            for run in &history.runs {
                let Some(at) = at.get(&run.run) else { continue };
                let entry = seen.entry(*at).or_insert_with(|| (run.started.clone(), BTreeSet::new()));
                entry.1.extend(run.kernel.commit.as_ref().map(|commit| commit.chars().take(12).collect()));
                entry.1.extend(run.kernel.release.clone().filter(|_| run.kernel.commit.is_none()));
            }
            let places: Vec<usize> = history.runs.iter().filter_map(|run| at.get(&run.run).copied()).collect();
            let trials: Vec<u32> = history.runs.iter().map(|run| run.trials).collect();
            if history.failures.is_empty() && !places.is_empty() {
                cells.push(passing_cell(history.cell.clone(), &places, &trials));
            }
            for failure in &history.failures {
                cells.push(cell_history(history.cell.clone(), failure, &places, &trials, &at));
            }
        }
        let run = |(at, id): (usize, &RunId)| {
            let (started, kernels) = seen.get(&at).cloned().unwrap_or_default();
            HistoryRun { id: id.clone(), started, kernels: kernels.into_iter().collect::<Vec<_>>().join(", ") }
        };
        let runs = ids.iter().enumerate().map(run).collect();
        histories.push(MatrixHistory { name, runs, cells });
    }
    Ok(histories)
}

/// A cell that never failed, as [`cell_history`].
fn passing_cell(cell: CellId, places: &[usize], trials: &[u32]) -> CellHistory {
    let first = places.first().copied().unwrap_or(0);
    let count = |(run, trials): (&usize, &u32)| RunCount { run: *run, failures: 0, trials: *trials };
    let segment = Segment { first, first_between: (first, first), failures: 0, trials: trials.iter().sum() };
    let counts = places.iter().zip(trials).map(count).collect();
    CellHistory { cell, failure: None, trend: Trend::Passing, counts, segments: vec![segment] }
}

/// `places` are those of the cell's runs among the runs of the matrix, `trials` their numbers of trials.
fn cell_history(
    cell: CellId,
    failure: &FailureHistory,
    places: &[usize],
    trials: &[u32],
    at: &BTreeMap<&RunId, usize>,
) -> CellHistory {
    let counts = places.iter().zip(trials).zip(&failure.failures);
    let count = |((run, trials), failures): ((&usize, &u32), &u32)| RunCount {
        run: *run,
        failures: *failures,
        trials: *trials,
    };
    let first = places.first().copied().unwrap_or(0);
    let place = |run: &RunId| at.get(run).copied().unwrap_or(first);
    let segment = |RateSegment { rate, since, .. }: &RateSegment| {
        let (start, between) = match since {
            Some(since) => {
                // It begins after the run that is surely before it.
                let after = since.after.as_ref().map_or(first, |after| place(after) + 1);
                (place(&since.first), (after, place(&since.by)))
            }
            None => (first, (first, first)),
        };
        Segment { first: start, first_between: between, failures: rate.failures, trials: rate.trials }
    };
    CellHistory {
        cell,
        failure: Some(failure.failure.clone()),
        trend: failure.trend,
        counts: counts.map(count).collect(),
        segments: failure.segments.iter().map(segment).collect(),
    }
}
