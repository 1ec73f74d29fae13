//! The cells of one run, and what was left out of it.

use super::{Cell, CellId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Version of the plan's format on disk.
pub const PLAN_SCHEMA: u32 = 2;

/// Maximum number of trials of a plan: years of a large host. Whatever reads a run looks for the record of each.
pub const MAX_TRIALS: u64 = 10_000_000;

/// Maximum number of vCPUs of a guest, its own lab's or one that is only watched: no machine of QEMU has as many.
pub const MAX_VCPUS: u32 = 65_536;

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

    /// Refuses a plan that no matrix makes. One that is read may be damaged, or another user's.
    ///
    /// # Errors
    /// When two cells have one id, a cell has no trial, no vCPU or more than [`MAX_VCPUS`], or the plan has more than [`MAX_TRIALS`] trials.
    pub fn check(&self) -> Result<(), PlanError> {
        let mut ids = BTreeSet::new();
        if let Some(cell) = self.cells.iter().find(|cell| !ids.insert(&cell.id)) {
            return Err(PlanError::Twice(cell.id.clone()));
        }
        if let Some(cell) = self.cells.iter().find(|cell| cell.repeat == 0) {
            return Err(PlanError::NoTrial(cell.id.clone()));
        }
        if let Some(cell) = self.cells.iter().find(|cell| !(1..=MAX_VCPUS).contains(&cell.vcpus)) {
            return Err(PlanError::Vcpus(cell.id.clone(), cell.vcpus));
        }
        let trials: u64 = self.cells.iter().map(|cell| u64::from(cell.repeat)).sum();
        if trials > MAX_TRIALS { Err(PlanError::Trials(trials)) } else { Ok(()) }
    }
}

/// A plan that no matrix makes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two cells would share the folders of their trials.
    #[error("it has the cell `{0}` twice")]
    Twice(CellId),
    /// A cell without a trial.
    #[error("the cell `{0}` has no trial: `repeat` is 0")]
    NoTrial(CellId),
    /// No vCPU, or too many of them.
    #[error("the cell `{0}` has {1} vCPUs: it needs 1 to {MAX_VCPUS}")]
    Vcpus(CellId, u32),
    /// Too many trials.
    #[error("it has {0} trials, more than {MAX_TRIALS}")]
    Trials(u64),
}

/// A combination that cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The id that the cell would have had.
    pub id: CellId,
    /// Why there is no such cell.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::cell;

    #[test]
    fn plan_that_no_matrix_makes_is_refused() {
        let arm = arch::find("arm").unwrap();
        let refusal = |cells: &[(&str, u32)]| {
            let cells = cells.iter().map(|(id, repeat)| Cell { repeat: *repeat, ..cell(id, arm, "idle") }).collect();
            let plan = Plan { schema: PLAN_SCHEMA, name: String::new(), cells, skipped: Vec::new() };
            plan.check().err().map(|error| error.to_string())
        };
        assert_eq!(refusal(&[]), None);
        assert_eq!(refusal(&[("a", 1), ("b", 9_999_999)]), None);
        assert_eq!(refusal(&[("a", 1), ("b", 1), ("a", 1)]).unwrap(), "it has the cell `a` twice");
        assert_eq!(refusal(&[("a", 1), ("b", 0)]).unwrap(), "the cell `b` has no trial: `repeat` is 0");
        let vcpus = |vcpus| {
            let cells = vec![Cell { vcpus, ..cell("a", arm, "idle") }];
            Plan { schema: PLAN_SCHEMA, name: String::new(), cells, skipped: Vec::new() }.check()
        };
        assert_eq!(vcpus(65_536), Ok(()));
        assert_eq!(vcpus(0).unwrap_err().to_string(), "the cell `a` has 0 vCPUs: it needs 1 to 65536");
        assert_eq!(vcpus(65_537).unwrap_err().to_string(), "the cell `a` has 65537 vCPUs: it needs 1 to 65536");
        let many = refusal(&[("a", u32::MAX), ("b", u32::MAX)]).unwrap();
        assert_eq!(many, "it has 8589934590 trials, more than 10000000");
    }
}
