//! Series out of the index.

use super::error::HistoryError;
use super::series::{CellSeries, FailureSeries, MatrixSeries, ResultRow, RunRow};
use model::{CellId, Failure, Kind, RunId};
use rusqlite::Connection;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// All runs of a matrix with their cells, or with one of them.
///
/// # Errors
/// When the index is damaged.
pub(super) fn matrix(db: &Connection, matrix: &str, cell: Option<&str>) -> Result<MatrixSeries, HistoryError> {
    let runs = runs(db, matrix)?;
    let place: HashMap<i64, usize> = runs.iter().enumerate().map(|(at, run)| (run.id, at)).collect();
    let mut cells: Vec<CellSeries> = Vec::new();
    let mut at: HashMap<i64, usize> = HashMap::new();
    let names = names(db, cell)?;
    // An unknown cell has no results: its name has no number.
    let ids = match (cell, names.keys().next()) {
        (Some(_), Some(id)) => *id..=*id,
        _ => i64::MIN..=i64::MAX,
    };
    let mut query = db.prepare(
        "SELECT cell, run, passed, failed, unexpected + quarantined, inconclusive + lab_errors, build, setup, alias FROM result
         WHERE cell BETWEEN ?1 AND ?2 ORDER BY cell",
    )?;
    let mut rows = query.query([ids.start(), ids.end()])?;
    while let Some(row) = rows.next()? {
        let (Some(&run), id) = (place.get(&row.get(1)?), row.get(0)?) else { continue };
        let Some(name) = names.get(&id) else { continue };
        let series = *at.entry(id).or_insert_with(|| {
            cells.push(CellSeries { name: name.clone(), results: Vec::new(), failures: Vec::new() });
            cells.len() - 1
        });
        cells[series].results.push(ResultRow {
            run,
            passed: row.get(2)?,
            failed: row.get(3)?,
            unexpected: row.get(4)?,
            without_verdict: row.get(5)?,
            build: row.get(6)?,
            setup: row.get(7)?,
            alias: row.get::<_, Option<String>>(8)?.map(CellId::new),
        });
    }
    cells.iter_mut().for_each(|cell| cell.results.sort_unstable_by_key(|result| result.run));
    add_failures(db, &ids, &place, &at, &mut cells)?;
    Ok(MatrixSeries { matrix: matrix.to_owned(), runs, cells })
}

fn runs(db: &Connection, matrix: &str) -> rusqlite::Result<Vec<RunRow>> {
    let mut query = db.prepare(
        "SELECT id, folder, started FROM run WHERE problem IS NULL AND matrix = ?1 ORDER BY started_us, folder",
    )?;
    let rows = query.query_map([matrix], |row| {
        Ok(RunRow { id: row.get(0)?, run: RunId::new(row.get::<_, String>(1)?), started: row.get(2)? })
    })?;
    rows.collect()
}

fn names(db: &Connection, cell: Option<&str>) -> rusqlite::Result<HashMap<i64, String>> {
    let mut query = db.prepare("SELECT id, name FROM cell WHERE ?1 IS NULL OR name = ?1")?;
    query.query_map([cell], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn add_failures(
    db: &Connection,
    ids: &RangeInclusive<i64>,
    place: &HashMap<i64, usize>,
    at: &HashMap<i64, usize>,
    cells: &mut [CellSeries],
) -> Result<(), HistoryError> {
    let failures = failures(db)?;
    let mut query = db.prepare(
        "SELECT cell, failure, run, trials, expected FROM failed
         WHERE cell BETWEEN ?1 AND ?2 ORDER BY cell, failure",
    )?;
    let mut rows = query.query([ids.start(), ids.end()])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let (cell, failure): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (Some(&series), Some(&run)) = (at.get(&cell), place.get(&row.get(2)?)) else { continue };
        let Some(known) = failures.get(&failure) else { continue };
        let series = &mut cells[series].failures;
        if last.replace((cell, failure)) != Some((cell, failure)) {
            series.push(FailureSeries { failure: known.clone(), runs: Vec::new() });
        }
        if let Some(series) = series.last_mut() {
            series.runs.push((run, row.get(3)?, row.get(4)?));
        }
    }
    for series in cells.iter_mut().flat_map(|cell| &mut cell.failures) {
        series.runs.sort_unstable_by_key(|(run, ..)| *run);
    }
    Ok(())
}

/// Failures by number. A kind that this program does not know is none of its runs'.
fn failures(db: &Connection) -> rusqlite::Result<HashMap<i64, Failure>> {
    let mut query = db.prepare("SELECT id, kind, title FROM failure")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))?;
    let mut failures = HashMap::new();
    for row in rows {
        let (id, kind, title) = row?;
        if let Some(kind) = Kind::from_word(&kind) {
            failures.insert(id, Failure { kind, title: Some(title).filter(|title| !title.is_empty()) });
        }
    }
    Ok(failures)
}
