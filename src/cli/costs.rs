//! Learned costs of cells, out of a file.

use super::error::CliError;
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
