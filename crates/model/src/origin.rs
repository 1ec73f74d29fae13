//! Where a failure of a run began, by the runs before it: where its bisection starts.

use super::{CellId, Failure, RunId};
use serde::{Deserialize, Serialize};

/// A failure of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureOrigin {
    /// The cell.
    pub cell: CellId,
    /// The failure.
    pub failure: Failure,
    /// Where it began.
    pub origin: Origin,
}

/// Where a failure began.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// After a run without it.
    After {
        /// The latest run that is surely without it: by its rate, or as nothing had failed until then.
        run: RunId,
        /// The commit of that run's kernel.
        commit: String,
        /// The runs after it that may be the first with the failure, oldest first; empty where only the ends are known.
        starts: Vec<StartWeight>,
    },
    /// No earlier run has the cell as expected, with another commit.
    Unknown,
    /// It failed before the latest run that was as expected, too, and its rate has not surely changed.
    Recurring,
}

/// A run that may be the first with a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartWeight {
    /// The commit of its kernel.
    pub commit: String,
    /// The probability that it is the first.
    pub weight: f64,
}
