//! All runs below a folder side by side: how often each cell failed, when that changed, and what to call it.
//!
//! The folders of the runs are the truth. An index of them, `index.sqlite`, makes questions about a year of nights quick; it can be
//! made again at any time.

mod cell;
mod comparison;
mod durations;
mod error;
mod flaky;
mod index;
mod load;
mod origins;
mod reading;
mod schema;
mod series;
mod stamp;
mod update;
mod writer;

pub use cell::IndexedCell;
pub use comparison::{RunOfIndex, compare};
pub use error::HistoryError;
pub use index::{INDEX, Index, IndexedRun, Keep};

use model::{CellTrend, FailureOrigin, RunId};
use std::path::Path;

/// What each cell of the run in a folder is called, seen from that run backwards, among the runs beside it.
///
/// # Errors
/// When the folder above cannot be listed.
pub fn trends(run: &Path) -> Result<Vec<CellTrend>, HistoryError> {
    Index::beside(run)?.trends(&name(run))
}

/// The same; `None` for the first run of a matrix, where every failure is new and nothing has changed.
///
/// # Errors
/// When the folder above cannot be listed.
pub fn trends_since_earlier_runs(run: &Path) -> Result<Option<Vec<CellTrend>>, HistoryError> {
    let (index, name) = (Index::beside(run)?, name(run));
    if index.is_first(&name)? { Ok(None) } else { index.trends(&name).map(Some) }
}

/// Where each unexpected failure of the run in a folder began, by the runs beside it.
///
/// # Errors
/// When the folder above cannot be listed.
pub fn origins(run: &Path) -> Result<Vec<FailureOrigin>, HistoryError> {
    Index::beside(run)?.origins(&name(run))
}

fn name(run: &Path) -> RunId {
    let here = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    RunId::new(here.file_name().unwrap_or_default().to_string_lossy())
}
