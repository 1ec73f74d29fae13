//! Learned costs of cells: out of a file, or out of the history; the file of a run.

use super::error::CliError;
use super::output::notify;
use crate::history::Index;
use crate::schedule::Costs;
use crate::store::{RunDir, StoreError, read_stream, write_json};
use model::{Digest, Plan};
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// The costs of a run's trials, in its folder.
const COSTS: &str = "costs.json";

/// Maximum length of a file of costs in bytes: hundreds of thousands of cells.
const MAX_COSTS: u64 = 64 << 20;

/// Reads a file of costs.
///
/// # Errors
/// When it cannot be read, or is not one.
pub(super) fn read(path: &Path) -> Result<Costs, CliError> {
    let usage = |reason: String| {
        CliError::Usage(format!("cannot read the costs {}: {reason}; a run has them in its {COSTS}", path.display()))
    };
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

/// Writes what the trials of a run have cost into its folder, for the shards of later runs. What cannot be written is reported: the
/// run has its results without it.
pub(super) fn write(run: &RunDir) {
    save(run, Costs::default());
}

/// The same of a merged run, with what is known of the cells of its matrix that have not run: a shard may be missing.
pub(super) fn write_merged(run: &RunDir, known: Option<Costs>, matrix: &Plan) {
    let mut costs = known.unwrap_or_default();
    // A file that lived for years would have every cell that there ever was.
    costs.retain(&matrix.cells);
    save(run, costs);
}

fn save(run: &RunDir, mut costs: Costs) {
    let mut write = || -> Result<(), StoreError> {
        let record = run.record()?;
        costs.update(Costs::of(record.trials.iter().filter(|trial| !trial.is_interrupted())));
        write_json(&run.path().join(COSTS), &costs)
    };
    if let Err(error) = write() {
        notify(&format!("the run has no {COSTS}: {error}"));
    }
}

/// Digest of costs: equal ones divide cells equally.
pub(super) fn digest(costs: &Costs) -> Digest {
    Digest::of_bytes(&Sha256::digest(costs.to_json()))
}
