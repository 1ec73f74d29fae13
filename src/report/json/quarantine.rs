//! The quarantine in the JSON document.

use super::milliseconds;
use crate::report::quarantine;
use model::{ExpectedVerdict, RunRecord, TrialRecord};
use schemars::JsonSchema;
use serde::Serialize;

/// An entry of a cell's quarantine.
#[derive(Serialize, JsonSchema)]
pub(super) struct Quarantine<'r> {
    /// Where the entry is: file and line.
    place: &'r str,
    /// Whether it covers the verdict.
    covers: bool,
    /// Why the failure is known, in the user's words.
    reason: &'r str,
    /// URL of the report.
    link: &'r str,
    /// The last day of the entry, or the first kernel version without it.
    until: String,
}

impl<'r> Quarantine<'r> {
    /// The entries of a trial's cell.
    pub fn all(trial: &'r TrialRecord) -> Vec<Self> {
        let covering = trial.quarantine();
        let of = |known: &'r model::Quarantine| Self {
            place: &known.place,
            covers: covering == Some(known),
            reason: &known.reason,
            link: &known.link,
            until: known.until.to_string(),
        };
        trial.cell.quarantine.iter().map(of).collect()
    }
}

/// What became of an entry of the quarantine.
#[derive(Serialize, JsonSchema)]
pub(super) struct Entry<'r> {
    /// Where the entry is: file and line.
    place: &'r str,
    /// The failures that it covers, as `hang/oom-livelock`; none: every failure.
    verdicts: Vec<String>,
    /// The title that it covers; `null`: any.
    title: Option<&'r str>,
    /// Why the failure is known, in the user's words.
    reason: &'r str,
    /// URL of the report.
    link: &'r str,
    /// The last day of the entry, or the first kernel version without it.
    until: String,
    /// Number of cells with a trial.
    cells: usize,
    /// Number of cells with a failure of the entry.
    failing_cells: usize,
    /// Number of trials that passed, were as expected, or failed as the entry says.
    trials: u32,
    /// Number of trials that failed as the entry says.
    failures: u32,
    /// Bound of the failure rate (95 %) where no trial failed.
    max_rate: Option<f64>,
}

impl<'r> Entry<'r> {
    /// The entries of a run.
    pub fn all(run: &'r RunRecord) -> Vec<Self> {
        let of = |entry: quarantine::Entry<'r>| Self {
            place: &entry.known.place,
            verdicts: entry.known.verdicts.iter().map(ExpectedVerdict::to_string).collect(),
            title: entry.known.title.as_deref(),
            reason: &entry.known.reason,
            link: &entry.known.link,
            until: entry.known.until.to_string(),
            cells: entry.cells,
            failing_cells: entry.failing_cells,
            trials: entry.trials,
            failures: entry.failures,
            max_rate: entry.max_rate().map(milliseconds),
        };
        quarantine::entries(run).into_iter().map(of).collect()
    }
}
