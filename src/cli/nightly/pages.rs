//! The pages of a folder of nights: one that lists them, and the history of all cells.

use super::night::Night;
use crate::cli::error::CliError;
use crate::cli::output::write_file;
use crate::history::{Index, IndexedRun, Keep};
use crate::nightly::{Counts, NightResult, nights};
use crate::report::html::{
    self, Base, CellHistory, HistoryPage, HistoryRun, MatrixHistory, NightLine, NightsPage, RunCount, Segment,
};
use model::{FailureHistory, RateSegment, RunId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

impl Night<'_> {
    /// Writes the pages; returns the path of the one that lists the nights, with this night as it is now.
    ///
    /// # Errors
    /// When the history cannot be read, or a page cannot be written.
    pub fn pages(&self, folder: &Path, result: NightResult, counts: Counts) -> Result<PathBuf, CliError> {
        std::fs::create_dir_all(folder)?;
        let base = Base::relative(&relative(folder, &self.config.runs)?);
        let mut lines: Vec<NightLine> = Vec::new();
        for night in nights(&self.config.runs.join("nights")) {
            let is_this = night.id == self.dir.night().id;
            let (result, counts) = if is_this { (Some(result), Some(counts)) } else { (night.result, night.counts) };
            lines.push(NightLine {
                id: night.id,
                started: night.started,
                result: result.map_or("not over", NightResult::as_str),
                is_bad: result.is_some_and(|result| result.exit_code() != 0),
                counts: counts.map(|Counts { new, worse, fixed, undecided, .. }| [new, worse, fixed, undecided]),
                runs: night.runs.into_iter().filter_map(|run| run.run).collect(),
            });
        }
        let index = Index::open(&self.config.runs, Keep::File).map_err(failed)?;
        let matrices = matrices(&index)?;
        write_file(&folder.join("history.html"), &html::history(&HistoryPage { matrices: &matrices, base: &base }))?;
        let page = folder.join("index.html");
        write_file(&page, &html::nights_page(&NightsPage { nights: &lines, base: &base }))?;
        Ok(page)
    }
}

fn failed(error: crate::history::HistoryError) -> CliError {
    CliError::Lab(error.to_string())
}

/// All matrices, with their runs and the failures of their cells.
fn matrices(index: &Index) -> Result<Vec<MatrixHistory>, CliError> {
    let mut runs: BTreeMap<String, Vec<RunId>> = BTreeMap::new();
    for IndexedRun { run, matrix } in index.runs().map_err(failed)?.into_iter().rev() {
        runs.entry(matrix).or_default().push(run);
    }
    let mut histories = Vec::new();
    for (name, ids) in runs {
        let at: BTreeMap<&RunId, usize> = ids.iter().enumerate().map(|(at, run)| (run, at)).collect();
        let mut seen: BTreeMap<usize, (String, BTreeSet<String>)> = BTreeMap::new();
        let mut cells = Vec::new();
        for cell in index.cells(Some(&name)).map_err(failed)? {
            let Some(history) = index.cell(&cell).map_err(failed)? else { continue };
            for run in &history.runs {
                let Some(at) = at.get(&run.run) else { continue };
                let entry = seen.entry(*at).or_insert_with(|| (run.started.clone(), BTreeSet::new()));
                entry.1.extend(run.kernel.commit.as_ref().map(|commit| commit.chars().take(12).collect()));
                entry.1.extend(run.kernel.release.clone().filter(|_| run.kernel.commit.is_none()));
            }
            let places: Vec<usize> = history.runs.iter().filter_map(|run| at.get(&run.run).copied()).collect();
            let trials: Vec<u32> = history.runs.iter().map(|run| run.trials).collect();
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

/// `places` are those of the cell's runs among the runs of the matrix, `trials` their numbers of trials.
fn cell_history(
    cell: model::CellId,
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

/// The way from one folder to another, without links on it.
fn relative(from: &Path, to: &Path) -> Result<String, CliError> {
    let (from, to) = (from.canonicalize()?, to.canonicalize()?);
    let common = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(common)).collect();
    Ok(way.to_string_lossy().into_owned())
}
