//! What trials took in the latest runs.

use super::error::HistoryError;
use super::index::Index;
use crate::schedule::{Costs, Measured};
use model::CellId;
use rusqlite::params;

/// Runs that are looked at, latest first.
const RUNS: u32 = 40;

/// Runs of a cell of which the median counts: hosts and kernels change.
const RUNS_OF_CELL: usize = 8;

impl Index {
    /// The costs of the cells of the latest runs.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn costs(&self) -> Result<Costs, HistoryError> {
        let mut query = self.db.prepare(
            "SELECT cell.name, cell.arch, cell.workload, result.median_ms
             FROM (SELECT id, started_us FROM run WHERE problem IS NULL ORDER BY started_us DESC LIMIT ?1) AS latest
             JOIN result ON result.run = latest.id JOIN cell ON cell.id = result.cell
             WHERE result.median_ms > 0 ORDER BY cell.name, latest.started_us DESC",
        )?;
        let mut rows = query.query(params![RUNS])?;
        let mut measured: Vec<Measured> = Vec::new();
        while let Some(row) = rows.next()? {
            let (name, seconds) = (CellId::new(row.get::<_, String>(0)?), row.get::<_, f64>(3)? / 1000.0);
            match measured.last_mut() {
                Some(last) if last.cell == name => {
                    if last.seconds.len() < RUNS_OF_CELL {
                        last.seconds.push(seconds);
                    }
                }
                _ => {
                    let (arch, workload) = (row.get(1)?, row.get(2)?);
                    measured.push(Measured { cell: name, arch, workload, seconds: vec![seconds] });
                }
            }
        }
        Ok(measured.into_iter().collect())
    }
}
