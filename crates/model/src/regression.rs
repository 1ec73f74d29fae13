//! Failures of a run that an earlier run did not have, and the commits that a bisection blames for them.

use super::{CellId, RunId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A failure of a run, and what its bisection found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// The cell; others with the same kernel and failure are not repeated.
    pub cell: CellId,
    /// The commit of the failing kernel.
    pub bad: Option<String>,
    /// The commit with which the bisection begins: that of an earlier run without the failure.
    pub good: Option<String>,
    /// That run.
    pub good_run: Option<RunId>,
    /// Folder of the bisection's session, within the run's folder.
    pub session: Option<String>,
    /// The commit to blame.
    pub culprit: Option<Culprit>,
    /// Why there is no culprit.
    pub why: Option<String>,
}

/// The commit that a bisection blames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Culprit {
    /// Its full hash.
    pub commit: String,
    /// The first line of its message.
    pub subject: String,
    /// Its author, as `Name <address>`.
    pub author: String,
    /// The probability that it is the culprit.
    pub probability: f64,
    /// Whether further trials of it and of its parents agreed.
    pub confirmed: bool,
}

impl Regression {
    /// A failure that was not bisected.
    pub fn skipped(cell: CellId, why: String) -> Self {
        Self { cell, bad: None, good: None, good_run: None, session: None, culprit: None, why: Some(why) }
    }
}
