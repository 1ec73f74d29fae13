//! Learned costs of cells: out of a file, or out of the history.

use super::error::CliError;
use crate::history::Index;
use crate::schedule::Costs;
use crate::store::read_stream;
use std::path::Path;

/// Maximum length of a file of costs in bytes: hundreds of thousands of cells.
const MAX_COSTS: u64 = 64 << 20;

/// Reads a file of costs.
///
/// # Errors
/// When it cannot be read, or is not one.
pub(super) fn read(path: &Path) -> Result<Costs, CliError> {
    let usage = |reason: String| CliError::Usage(format!("cannot read the costs {}: {reason}", path.display()));
    let text = read_stream(path, MAX_COSTS).map_err(|error| usage(error.to_string()))?;
    Costs::from_json(&text).map_err(|error| usage(error.to_string()))
}

/// Costs out of a file; without one, those of the earlier runs in the folder `runs`. The index is taken as the last use left it: a run does
/// not wait until all of them are read.
///
/// # Errors
/// When the file cannot be read, or is not one.
pub(super) fn known(file: Option<&Path>, runs: &Path) -> Result<Costs, CliError> {
    file.map_or_else(|| Ok(of_history(runs)), read)
}

/// The costs that the earlier runs in a folder show; none where it has no index.
pub(super) fn of_history(runs: &Path) -> Costs {
    let costs = Index::as_left(runs).map(|index| index.costs());
    costs.and_then(Result::ok).unwrap_or_default()
}
