//! Where the failures of a run began.

use super::error::HistoryError;
use super::index::Index;
use super::series::{FailureSeries, ResultRow, RunRow};
use changepoint::{Expectation, Rate, Settings, Start, assess};
use model::{CellId, FailureOrigin, Origin, RunId, StartWeight};
use rusqlite::Connection;

impl Index {
    /// Where each unexpected failure of a run began, by the earlier runs of its matrix.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn origins(&self, run: &RunId) -> Result<Vec<FailureOrigin>, HistoryError> {
        let Some(series) = self.series_of(run)? else { return Ok(Vec::new()) };
        let Some(end) = series.runs.iter().position(|row| row.run == *run) else { return Ok(Vec::new()) };
        let mut origins = Vec::new();
        for cell in &series.cells {
            let Some(results) = cell.up_to(end) else { continue };
            for failure in cell.failures.iter().filter(|failure| fails_unexpectedly(failure, end)) {
                let cell_id = results.last().and_then(|latest| latest.alias.clone());
                origins.push(FailureOrigin {
                    cell: cell_id.unwrap_or_else(|| CellId::new(cell.name.as_str())),
                    failure: failure.failure.clone(),
                    origin: origin(&self.db, failure, results, &series.runs)?,
                });
            }
        }
        Ok(origins)
    }
}

fn fails_unexpectedly(failure: &FailureSeries, end: usize) -> bool {
    failure.runs.iter().any(|(run, _, expected)| *run == end && !expected)
}

fn origin(
    db: &Connection,
    failure: &FailureSeries,
    results: &[ResultRow],
    runs: &[RunRow],
) -> Result<Origin, HistoryError> {
    let commits = commits(db, results)?;
    let bad = commits.last().cloned().flatten();
    let is_other = |at: usize| commits[at].is_some() && commits[at] != bad;
    let after = |at: usize, starts: Vec<StartWeight>| match &commits[at] {
        Some(commit) => Origin::After { run: runs[results[at].run].run.clone(), commit: commit.clone(), starts },
        None => Origin::Unknown,
    };
    let Some((positions, _)) = failure.positions(results) else { return Ok(Origin::Unknown) };
    let assessment = assess(&positions, Expectation::Pass, &Settings::default());
    let share = |rate: Option<Rate>| rate.map_or(0.0, |rate| f64::from(rate.failures) / f64::from(rate.trials));
    if let Some(start) = &assessment.change
        && share(assessment.rate) > share(assessment.rate_before)
        && is_other(start.after)
    {
        return Ok(after(start.after, weights(start, &commits)));
    }
    let first = failure.runs.first().map_or(0, |(run, ..)| *run);
    let is_green = |at: &usize| {
        let result = &results[*at];
        result.passed + result.failed > 0 && result.unexpected == 0 && is_other(*at)
    };
    let green = (0..results.len().saturating_sub(1)).rev().find(is_green);
    // Another failure may have been there since.
    let before = (0..results.len()).rev().find(|at| results[*at].run < first && is_green(at));
    Ok(match (before, green) {
        (Some(before), _) => after(before, Vec::new()),
        (None, Some(_)) => Origin::Recurring,
        (None, None) => Origin::Unknown,
    })
}

/// The runs in which the failure may have begun, by their commits.
fn weights(start: &Start, commits: &[Option<String>]) -> Vec<StartWeight> {
    let within = start.weights.iter().filter(|(at, _)| (start.after + 1..=start.by).contains(at));
    let known = within.filter_map(|(at, weight)| Some(StartWeight { commit: commits[*at].clone()?, weight: *weight }));
    known.collect()
}

/// The commit of the kernel in each result, where it is known.
fn commits(db: &Connection, results: &[ResultRow]) -> rusqlite::Result<Vec<Option<String>>> {
    let mut query = db.prepare("SELECT commit_id FROM build WHERE id = ?1")?;
    let known = |commit: String| Some(commit).filter(|commit| !commit.is_empty());
    results.iter().map(|result| query.query_row([result.build], |row| row.get(0)).map(known)).collect()
}
