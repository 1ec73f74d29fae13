//! The cells of one run, and what was left out of it.

use super::Cell;
use serde::{Deserialize, Serialize};

/// Version of the plan's format on disk.
pub const PLAN_SCHEMA: u32 = 2;

/// Everything that a run will do; the same plan gives the same command lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema: u32,
    /// The matrix's name, for people.
    pub name: String,
    /// In the order of the matrix; ids are unique.
    pub cells: Vec<Cell>,
    /// Combinations that cannot exist, and combinations that a filter left out do not appear here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
}

impl Plan {
    /// Number of trials: every cell as often as it is repeated.
    pub fn trials(&self) -> u32 {
        self.cells.iter().fold(0, |sum, cell| sum.saturating_add(cell.repeat))
    }
}

/// A combination that cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The id that the cell would have had.
    pub id: super::CellId,
    /// Why there is no such cell.
    pub reason: String,
}
