//! The history of one cell.

use super::error::HistoryError;
use super::index::{Index, kernel_build};
use super::load;
use super::reading::Build;
use super::series::{CellSeries, FailureSeries, MatrixSeries, ResultRow, RunRow, change};
use changepoint::{Position, Rate, Settings, assess, segments};
use model::{CellHistory, CellId, CellRun, Component, FailureHistory, RateInterval, RateSegment};
use rusqlite::params;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// A cell of the index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexedCell {
    /// Name of its matrix.
    pub matrix: String,
    /// The cell.
    pub cell: CellId,
}

impl Index {
    /// Cells in the order of their names, of one matrix or of all.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn cells(&self, matrix: Option<&str>) -> Result<Vec<IndexedCell>, HistoryError> {
        let mut query = self.db.prepare(
            "SELECT DISTINCT run.matrix, cell.name FROM result JOIN run ON run.id = result.run JOIN cell ON cell.id = result.cell
             WHERE ?1 IS NULL OR run.matrix = ?1 ORDER BY cell.name, run.matrix",
        )?;
        let rows = query.query_map(params![matrix], |row| {
            Ok(IndexedCell { matrix: row.get(0)?, cell: CellId::new(row.get::<_, String>(1)?) })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The history of a cell; `None` where no run has it.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn cell(&self, cell: &IndexedCell) -> Result<Option<CellHistory>, HistoryError> {
        let matrix = load::matrix(&self.db, &cell.matrix, Some(cell.cell.as_str()))?;
        let Some(series) = matrix.cells.first() else { return Ok(None) };
        let builds = self.builds(series)?;
        Ok(Some(history(&matrix, series, &builds)))
    }

    /// What a cell booted, by its numbers.
    fn builds(&self, series: &CellSeries) -> rusqlite::Result<Builds> {
        let mut query = self
            .db
            .prepare("SELECT release, commit_id, kernel, initrd, firmware, root_disk FROM build WHERE id = ?1")?;
        let mut builds = HashMap::new();
        for result in &series.results {
            if let Entry::Vacant(entry) = builds.entry(result.build) {
                entry.insert(query.query_row([result.build], Build::of_row)?);
            }
        }
        Ok(builds)
    }
}

type Builds = HashMap<i64, Build>;

fn history(matrix: &MatrixSeries, series: &CellSeries, builds: &Builds) -> CellHistory {
    let kernel = |build: &Build| kernel_build(build.release.clone(), build.commit.clone());
    let runs = series.results.iter().map(|result| CellRun {
        run: matrix.runs[result.run].run.clone(),
        started: matrix.runs[result.run].started.clone(),
        kernel: builds.get(&result.build).map(kernel).unwrap_or_default(),
        trials: result.passed + result.failed,
        failures: result.failed,
        without_verdict: result.without_verdict,
    });
    let of_failure = |failure| of_failure(failure, &series.results, &matrix.runs, builds);
    let mut failures: Vec<FailureHistory> = series.failures.iter().filter_map(of_failure).collect();
    failures.sort_by_key(|failure| failure.trend);
    let sum = |count: fn(&ResultRow) -> u32| series.results.iter().map(count).sum();
    let all = Position { failures: sum(|result| result.failed), passes: sum(|result| result.passed) };
    CellHistory {
        matrix: matrix.matrix.clone(),
        cell: CellId::new(series.name.as_str()),
        runs: runs.collect(),
        failures,
        rate: Rate::of(all).map(RateInterval::from),
    }
}

fn of_failure(
    series: &FailureSeries,
    results: &[ResultRow],
    runs: &[RunRow],
    builds: &Builds,
) -> Option<FailureHistory> {
    let settings = Settings::default();
    let (positions, expected) = series.positions(results)?;
    let assessment = assess(&positions, expected, &settings);
    let found = segments(&positions, &settings);
    let segments = found.iter().filter_map(|segment| {
        let start = segment.start.as_ref();
        Some(RateSegment {
            rate: Rate::of(segment.tally)?.into(),
            since: start.map(|start| change(start, results, runs)),
            differs: start.map(|start| differs(&results[start.after], &results[start.by], builds)).unwrap_or_default(),
        })
    });
    Some(FailureHistory {
        failure: series.failure.clone(),
        expected: expected == changepoint::Expectation::Failure,
        failures: positions.iter().map(|position| position.failures).collect(),
        trend: assessment.trend,
        trials_to_decide: assessment.trials_to_decide,
        segments: segments.collect(),
    })
}

/// What a cell ran with in one run and not in another.
fn differs(one: &ResultRow, other: &ResultRow, builds: &Builds) -> Vec<Component> {
    let part = |component: Component, result: &ResultRow| {
        let build = builds.get(&result.build).cloned().unwrap_or_default();
        match component {
            Component::Kernel => build.kernel,
            Component::Initrd => build.initrd,
            Component::Firmware => build.firmware,
            Component::RootDisk => build.root_disk,
            Component::Settings => result.setup.to_string(),
        }
    };
    Component::ALL.iter().copied().filter(|component| part(*component, one) != part(*component, other)).collect()
}
