//! `run.json`.

use model::{RUN_SCHEMA, RunId};
use serde::{Deserialize, Serialize};

/// `run.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunHead {
    pub(super) schema: u32,
    /// Name of its folder.
    pub id: RunId,
    /// The matrix's name.
    pub name: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// Wall time so far, in seconds.
    pub duration_s: f64,
    /// Whether it has ended.
    pub finished: bool,
    /// Whether the user stopped it before all trials were done.
    pub interrupted: bool,
    /// How often it was resumed.
    #[serde(default)]
    pub resumed: u32,
    /// The runs that were merged: where they lie beside it, their trials are in two runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<MergedName>,
}

/// A run of which another one was merged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MergedName {
    /// Name of its folder. On another machine another run may have it.
    pub id: RunId,
    /// When it began, RFC 3339.
    pub started: String,
}

impl RunHead {
    /// A run that has just begun.
    pub fn new(id: RunId, name: String, started: String) -> Self {
        let (duration_s, finished, interrupted, resumed, merged) = (0.0, false, false, 0, Vec::new());
        Self { schema: RUN_SCHEMA, id, name, started, duration_s, finished, interrupted, resumed, merged }
    }

    /// The same in an older format.
    #[must_use]
    pub fn of_format(self, schema: u32) -> Self {
        Self { schema, ..self }
    }

    /// Version of the format of the run's files.
    pub const fn schema(&self) -> u32 {
        self.schema
    }
}
