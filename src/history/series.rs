//! The cells of a matrix over its runs, and what each is called at one of them.

use changepoint::{Expectation, Position, Rate, Settings, Start, Trend, assess};
use model::{CellId, CellTrend, ChangeInterval, Failure, RateInterval, RunId, TrendCounts};

/// The runs of one matrix, and their cells.
#[derive(Debug)]
pub(super) struct MatrixSeries {
    pub matrix: String,
    /// Oldest first.
    pub runs: Vec<RunRow>,
    pub cells: Vec<CellSeries>,
}

/// A run of the matrix.
#[derive(Debug)]
pub(super) struct RunRow {
    pub id: i64,
    pub run: RunId,
    pub started: String,
}

/// A cell over the runs of a matrix.
///
/// The same cell of another matrix is another series. An id does not name all that decides a result: a matrix has timeouts,
/// faults and arguments of its own. And what is booted by itself is often another kernel of the same name, such as a tree with a
/// fix: among the nights it would look like a change that comes and goes.
#[derive(Debug)]
pub(super) struct CellSeries {
    pub name: String,
    /// One for each run whose plan has the cell, oldest first.
    pub results: Vec<ResultRow>,
    pub failures: Vec<FailureSeries>,
}

/// A cell in one run.
#[derive(Debug, Clone)]
pub(super) struct ResultRow {
    /// The run, by its place in [`MatrixSeries::runs`].
    pub run: usize,
    pub passed: u32,
    pub failed: u32,
    /// Trials that ended in another way than expected, quarantined or not.
    pub unexpected: u32,
    pub without_verdict: u32,
    /// What was booted, by its number in the index.
    pub build: i64,
    /// Digest of its settings.
    pub setup: i64,
    /// Its id in the run's files, where that is another.
    pub alias: Option<CellId>,
}

/// A failure of a cell.
#[derive(Debug)]
pub(super) struct FailureSeries {
    pub failure: Failure,
    /// Runs that have it, oldest first, by their places; their trials with it, and whether it was expected.
    pub runs: Vec<(usize, u32, bool)>,
}

impl MatrixSeries {
    /// What each cell of a run is called; later runs are not looked at.
    pub fn trends(&self, end: usize) -> Vec<CellTrend> {
        self.cells.iter().flat_map(|cell| cell.trends(&self.runs, end)).collect()
    }

    /// Numbers of cells by the most urgent word for each.
    pub fn counts(&self, end: usize) -> TrendCounts {
        let mut counts = TrendCounts::default();
        for cell in self.cells.iter().filter(|cell| !cell.failures.is_empty()) {
            if let Some(most) = cell.trends(&self.runs, end).into_iter().map(|trend| trend.trend).min() {
                counts.count(most);
            }
        }
        counts
    }
}

impl CellSeries {
    /// The results up to a run that has the cell, itself included; `None` for another run.
    pub fn up_to(&self, end: usize) -> Option<&[ResultRow]> {
        let at = self.results.binary_search_by_key(&end, |result| result.run).ok()?;
        Some(&self.results[..=at])
    }

    /// What the cell, or each failure of it, is called at a run; nothing where the run does not have it.
    pub fn trends(&self, runs: &[RunRow], end: usize) -> Vec<CellTrend> {
        let Some(results) = self.up_to(end) else { return Vec::new() };
        let latest = &results[results.len() - 1];
        let trials = latest.passed + latest.failed;
        let id = || latest.alias.clone().unwrap_or_else(|| CellId::new(self.name.as_str()));
        if trials == 0 {
            return vec![bare(id(), Trend::NotRun)];
        }
        let mut quiet: Option<CellTrend> = None;
        let mut trends = Vec::new();
        for series in &self.failures {
            let Some((positions, expected)) = series.positions(results) else { continue };
            let assessment = assess(&positions, expected, &Settings::default());
            let trend = CellTrend {
                failure: Some(series.failure.clone()),
                trend: assessment.trend,
                failures: positions.last().map_or(0, |latest| latest.failures),
                trials,
                rate: assessment.rate.map_or(UNKNOWN, RateInterval::from),
                rate_before: assessment.rate_before.map(RateInterval::from),
                since: assessment.change.as_ref().map(|start| change(start, results, runs)),
                trials_to_decide: assessment.trials_to_decide,
                ..bare(id(), assessment.trend)
            };
            if trend.trend != Trend::Passing {
                trends.push(trend);
            } else if quiet.as_ref().is_none_or(|known| trend.rate.trials < known.rate.trials) {
                // It passes since the latest of the changes that its failures had.
                quiet = Some(CellTrend { failure: None, ..trend });
            }
        }
        if trends.is_empty() {
            let passed = results.iter().map(|result| result.passed).sum();
            let rate = Rate::of(Position { failures: 0, passes: passed }).map_or(UNKNOWN, RateInterval::from);
            trends.push(quiet.unwrap_or_else(|| CellTrend { trials, rate, ..bare(id(), Trend::Passing) }));
        }
        trends.sort_by_key(|trend| trend.trend);
        trends
    }
}

impl FailureSeries {
    /// The failure in each of these results, and whether it was expected where it was seen last; `None` where none has it.
    pub fn positions(&self, results: &[ResultRow]) -> Option<(Vec<Position>, Expectation)> {
        let mut seen = self.runs.iter().peekable();
        let mut expected = None;
        let mut positions = Vec::with_capacity(results.len());
        for result in results {
            let here = seen.next_if(|(run, ..)| *run == result.run);
            expected = here.map(|(_, _, expected)| *expected).or(expected);
            let failures = here.map_or(0, |(_, trials, _)| *trials);
            positions.push(Position { failures, passes: (result.passed + result.failed).saturating_sub(failures) });
        }
        let expectation = if expected? { Expectation::Failure } else { Expectation::Pass };
        Some((positions, expectation))
    }
}

/// A rate of which nothing is known.
const UNKNOWN: RateInterval = RateInterval { failures: 0, trials: 0, low: 0.0, high: 1.0 };

/// A word without figures.
fn bare(cell: CellId, trend: Trend) -> CellTrend {
    CellTrend {
        cell,
        failure: None,
        trend,
        failures: 0,
        trials: 0,
        rate: UNKNOWN,
        rate_before: None,
        since: None,
        trials_to_decide: None,
    }
}

/// A change by the names of its runs; `results` are those of the series.
pub(super) fn change(start: &Start, results: &[ResultRow], runs: &[RunRow]) -> ChangeInterval {
    let run = |at: usize| runs[results[at].run].run.clone();
    ChangeInterval { after: Some(run(start.after)), first: run(start.first), by: run(start.by) }
}
