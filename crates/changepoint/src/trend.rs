//! What one word says of a test after its latest run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What one word says of a test after its latest run, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// It fails, and passed or did not run before.
    New,
    /// It fails more often than before.
    Worse,
    /// It fails in this run; further trials or runs would tell whether its rate has risen.
    Undecided,
    /// It failed and no longer does.
    Fixed,
    /// It fails less often than before.
    Better,
    /// It fails at least nearly always, and did before.
    StillFailing,
    /// It fails at a steady rate between that of a pass and that of a failure, or passes nearly always and fails in this
    /// run.
    Flaky,
    /// It fails, as its expectation says.
    Expected,
    /// It passes, and did before.
    Passing,
    /// It did not run.
    NotRun,
}

impl Trend {
    /// The word in files and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Worse => "worse",
            Self::Undecided => "undecided",
            Self::Fixed => "fixed",
            Self::Better => "better",
            Self::StillFailing => "still-failing",
            Self::Flaky => "flaky",
            Self::Expected => "expected",
            Self::Passing => "passing",
            Self::NotRun => "not-run",
        }
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
