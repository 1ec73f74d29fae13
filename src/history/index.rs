//! The index of the runs below a folder.

use super::error::HistoryError;
use super::load;
use super::series::MatrixSeries;
use super::{schema, update::update};
use model::{CellTrend, KernelBuild, LeftOut, RunId, RunOverview, TrendCounts};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Name of the index within the folder.
pub const INDEX: &str = "index.sqlite";

/// Where an index is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// In `index.sqlite`, if the folder can be written.
    File,
    /// As [`Keep::File`], made from nothing.
    Rebuilt,
    /// In memory: the folder is not the lab's.
    Memory,
}

/// The runs below a folder, as they are now. What is in the folders counts: an index that is missing, damaged or out of date is
/// made or brought up to date when it is opened.
#[derive(Debug)]
pub struct Index {
    pub(super) db: Connection,
    runs: PathBuf,
    keep: Keep,
}

/// A run of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedRun {
    /// The run.
    pub run: RunId,
    /// Name of its matrix.
    pub matrix: String,
}

impl Index {
    /// Opens the index of the runs below `runs`.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn open(runs: &Path, keep: Keep) -> Result<Self, HistoryError> {
        let path = runs.join(INDEX);
        let old = if keep == Keep::File { schema::load(&path) } else { None };
        let (mut db, is_new) = match old {
            Some(db) => (db, false),
            None => (schema::empty()?, true),
        };
        let has_changed = match update(&mut db, runs) {
            Err(HistoryError::Index(error)) if !is_new => {
                tracing::debug!("the index {} is made again: {error}", path.display());
                db = schema::empty()?;
                update(&mut db, runs)?
            }
            changed => changed?,
        };
        let index = Self { db, runs: runs.to_owned(), keep };
        if has_changed || is_new {
            index.save();
        }
        Ok(index)
    }

    /// The index as the last use left it, out of date or not; `None` where there is none.
    pub fn as_left(runs: &Path) -> Option<Self> {
        let db = schema::load(&runs.join(INDEX))?;
        Some(Self { db, runs: runs.to_owned(), keep: Keep::Memory })
    }

    /// Opens the index of the runs beside a run's folder. It is kept where `oomlab run` puts its runs, or where an index is
    /// already: elsewhere the folder belongs to the user.
    ///
    /// # Errors
    /// See [`Index::open`].
    pub fn beside(run: &Path) -> Result<Self, HistoryError> {
        let here = run.canonicalize().unwrap_or_else(|_| run.to_owned());
        let runs = here.parent().unwrap_or(Path::new("."));
        let is_kept = runs.ends_with("runs") || runs.join(INDEX).is_file();
        Self::open(runs, if is_kept { Keep::File } else { Keep::Memory })
    }

    /// The folder of the runs.
    pub fn folder(&self) -> &Path {
        &self.runs
    }

    /// All runs that can be read, latest first.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn runs(&self) -> Result<Vec<IndexedRun>, HistoryError> {
        let mut query = self
            .db
            .prepare("SELECT folder, matrix FROM run WHERE problem IS NULL ORDER BY started_us DESC, folder DESC")?;
        let rows = query
            .query_map([], |row| Ok(IndexedRun { run: RunId::new(row.get::<_, String>(0)?), matrix: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The runs that cannot be read, and why.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn left_out(&self) -> Result<Vec<LeftOut>, HistoryError> {
        let mut query = self.db.prepare("SELECT folder, problem FROM run WHERE problem IS NOT NULL ORDER BY folder")?;
        let rows = query
            .query_map([], |row| Ok(LeftOut { run: RunId::new(row.get::<_, String>(0)?), reason: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The latest runs, latest first, at most `max`, of one matrix or of all.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn overview(&self, matrix: Option<&str>, max: usize) -> Result<Vec<RunOverview>, HistoryError> {
        self.count_changes(matrix, max)?;
        let mut query = self.db.prepare(
            "SELECT folder, matrix, started, finished, interrupted, planned, passed, expected_failures, unexpected,
             quarantined, without_verdict, changes, id FROM run
             WHERE problem IS NULL AND (?1 IS NULL OR matrix = ?1) ORDER BY started_us DESC, folder DESC LIMIT ?2",
        )?;
        let rows = query.query_map(params![matrix, i64::try_from(max).unwrap_or(i64::MAX)], |row| {
            let overview = RunOverview {
                run: RunId::new(row.get::<_, String>(0)?),
                matrix: row.get(1)?,
                started: row.get(2)?,
                finished: row.get(3)?,
                interrupted: row.get(4)?,
                kernels: Vec::new(),
                planned: row.get(5)?,
                passed: row.get(6)?,
                expected_failures: row.get(7)?,
                unexpected: row.get(8)?,
                quarantined: row.get(9)?,
                without_verdict: row.get(10)?,
                changes: row.get::<_, Option<String>>(11)?.as_deref().map(read_counts).unwrap_or_default(),
            };
            Ok((overview, row.get::<_, i64>(12)?))
        })?;
        let mut kernels = self.db.prepare(
            "SELECT DISTINCT release, commit_id FROM result JOIN build ON build.id = result.build
             WHERE run = ?1 AND kernel <> '' ORDER BY release, commit_id",
        )?;
        let mut overviews = Vec::new();
        for row in rows {
            let (mut overview, id) = row?;
            let found = kernels.query_map([id], |row| Ok(kernel_build(row.get(0)?, row.get(1)?)))?;
            overview.kernels = found.collect::<Result<_, _>>()?;
            overviews.push(overview);
        }
        Ok(overviews)
    }

    /// What each cell of a run is called, seen from that run backwards: later runs are not looked at. Nothing for a run that is
    /// not in the index.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn trends(&self, run: &RunId) -> Result<Vec<CellTrend>, HistoryError> {
        let Some(series) = self.series_of(run)? else { return Ok(Vec::new()) };
        let end = series.runs.iter().position(|row| row.run == *run);
        Ok(end.map(|end| series.trends(end)).unwrap_or_default())
    }

    /// Whether no earlier run is of the run's matrix.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn is_first(&self, run: &RunId) -> Result<bool, HistoryError> {
        Ok(self.db.query_row(
            "SELECT NOT EXISTS (SELECT 1 FROM run JOIN run AS earlier ON earlier.matrix = run.matrix
             WHERE run.folder = ?1 AND earlier.problem IS NULL
             AND (earlier.started_us, earlier.folder) < (run.started_us, run.folder))",
            [run.as_str()],
            |row| row.get(0),
        )?)
    }

    /// The cells of a run's matrix over all of its runs; `None` for a run that is not in the index.
    pub(super) fn series_of(&self, run: &RunId) -> Result<Option<MatrixSeries>, HistoryError> {
        let matrix: Option<String> = self
            .db
            .query_row("SELECT matrix FROM run WHERE folder = ?1 AND problem IS NULL", [run.as_str()], |row| row.get(0))
            .optional()?;
        matrix.map(|matrix| load::matrix(&self.db, &matrix, None)).transpose()
    }

    /// Counts the cells that changed in the latest runs, as far as that was not done before.
    fn count_changes(&self, matrix: Option<&str>, max: usize) -> Result<(), HistoryError> {
        let mut query = self.db.prepare(
            "SELECT id, matrix FROM (SELECT id, matrix, changes FROM run WHERE problem IS NULL AND (?1 IS NULL OR matrix = ?1)
             ORDER BY started_us DESC, folder DESC LIMIT ?2) WHERE changes IS NULL",
        )?;
        let rows = query.query_map(params![matrix, i64::try_from(max).unwrap_or(i64::MAX)], |row| {
            Ok((row.get::<_, String>(1)?, row.get::<_, i64>(0)?))
        })?;
        let mut missing: HashMap<String, Vec<i64>> = HashMap::new();
        for row in rows {
            let (matrix, run) = row?;
            missing.entry(matrix).or_default().push(run);
        }
        for (matrix, runs) in &missing {
            let series = load::matrix(&self.db, matrix, None)?;
            for (end, row) in series.runs.iter().enumerate().filter(|(_, row)| runs.contains(&row.id)) {
                let counts = series.counts(end);
                self.db.execute("UPDATE run SET changes = ?2 WHERE id = ?1", params![row.id, write_counts(counts)])?;
            }
        }
        if !missing.is_empty() {
            self.save();
        }
        Ok(())
    }

    /// Without the file, the next use takes longer.
    fn save(&self) {
        if self.keep == Keep::Memory {
            return;
        }
        let path = self.runs.join(INDEX);
        if let Err(error) = schema::save(&self.db, &path) {
            tracing::debug!("cannot write {}: {error}", path.display());
        }
    }
}

/// A kernel; empty texts stand for what is not known.
pub(super) fn kernel_build(release: String, commit: String) -> KernelBuild {
    let known = |text: String| Some(text).filter(|text| !text.is_empty());
    KernelBuild { release: known(release), commit: known(commit) }
}

fn write_counts(counts: TrendCounts) -> String {
    let TrendCounts { new, worse, undecided, fixed, better } = counts;
    format!("{new} {worse} {undecided} {fixed} {better}")
}

fn read_counts(text: &str) -> TrendCounts {
    let mut counts = text.split(' ').map(|count| count.parse().unwrap_or(0));
    let mut next = || counts.next().unwrap_or(0);
    TrendCounts { new: next(), worse: next(), undecided: next(), fixed: next(), better: next() }
}
