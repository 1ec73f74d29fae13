//! `part.json`: that a run is a part of a larger one, and of which.

use super::{RunDir, StoreError, json};
use model::{CellId, Digest, Plan, RunId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Its name.
pub const PART: &str = "part.json";

/// Version of `part.json`.
const SCHEMA: u32 = 1;

/// A run of some cells of a matrix, or several of them that were merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    schema: u32,
    /// All cells of the matrix, whatever this machine's cache says of them.
    pub whole: Plan,
    /// The cells that this run and the others with which it belongs are to run.
    pub selected: BTreeSet<CellId>,
    /// How the selected cells were divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// Number of the shard that this run is, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// The runs that were merged, in the order of their start; none in a run that is not merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<MergedRun>,
}

/// A division of cells into shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Number of shards.
    pub of: u32,
    /// Digest of the costs by which the cells were divided.
    pub costs: Digest,
}

/// A run of which another one was merged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MergedRun {
    /// When it began, RFC 3339.
    pub started: String,
    /// Name of its folder.
    pub id: RunId,
    /// Number of its shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// How often it was resumed.
    pub resumed: u32,
    /// Whether it has ended.
    pub finished: bool,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Its wall time in milliseconds.
    pub duration_ms: u64,
}

impl Part {
    /// A run of these cells of a matrix, which belongs with no other yet.
    pub fn new(whole: Plan, selected: BTreeSet<CellId>) -> Self {
        Self { schema: SCHEMA, whole, selected, partition: None, shard: None, runs: Vec::new() }
    }
}

impl RunDir {
    /// Of what the run is a part; `None` where its plan is the whole.
    ///
    /// # Errors
    /// When `part.json` cannot be read, or has a plan that no matrix makes.
    pub fn part(&self) -> Result<Option<Part>, StoreError> {
        let path = self.path().join(PART);
        if !path.is_file() {
            return Ok(None);
        }
        let part: Part = json::read(&path, SCHEMA)?;
        part.whole.check().map_err(|error| StoreError::wrong(&path, error.to_string()))?;
        Ok(Some(part))
    }

    /// Writes that the run is a part.
    ///
    /// # Errors
    /// When `part.json` cannot be written.
    pub fn store_part(&self, part: &Part) -> Result<(), StoreError> {
        json::write_durably(&self.path().join(PART), part)
    }
}
