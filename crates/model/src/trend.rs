//! What earlier runs say of a cell's failures.

use super::{CellId, Kind, RunId};
use changepoint::{Rate, Trend};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A cell of a run, or one failure of it, seen in the light of the earlier runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellTrend {
    /// The cell.
    pub cell: CellId,
    /// The failure; `None` where the cell has none to speak of.
    pub failure: Option<Failure>,
    /// The word for it.
    pub trend: Trend,
    /// Trials of this run with the failure.
    pub failures: u32,
    /// Trials of this run with a verdict on the guest.
    pub trials: u32,
    /// Rate of the failure since its latest change.
    pub rate: RateInterval,
    /// Rate before that change; `None` without one.
    pub rate_before: Option<RateInterval>,
    /// When the rate changed; `None` where it did not.
    pub since: Option<ChangeInterval>,
    /// Further trials in this run that would decide an undecided trend.
    pub trials_to_decide: Option<u32>,
}

/// How a cell fails. Titles are guest output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// Kind of the verdict.
    pub kind: Kind,
    /// Title of the kernel's failure, stable across boots.
    pub title: Option<String>,
}

impl Failure {
    /// Outcome and kind: `hang/oom-livelock`.
    pub fn verdict(&self) -> String {
        format!("{}/{}", self.kind.outcome(), self.kind)
    }
}

/// A failure rate, from 0 to 1, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RateInterval {
    /// Trials with the failure.
    pub failures: u32,
    /// Trials with a verdict on the guest.
    pub trials: u32,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl RateInterval {
    /// `9 of 12 (46–91 %)`, or the bound where all trials agree: `20 of 20 (at least 86 %)`.
    pub fn brief(&self) -> String {
        format!("{} of {} ({})", self.failures, self.trials, Rate::from(*self).interval("–"))
    }
}

/// As [`Rate`] does.
impl fmt::Display for RateInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Rate::from(*self).fmt(f)
    }
}

impl From<Rate> for RateInterval {
    fn from(rate: Rate) -> Self {
        let Rate { failures, trials, low, high } = rate;
        Self { failures, trials, low, high }
    }
}

impl From<RateInterval> for Rate {
    fn from(rate: RateInterval) -> Self {
        let RateInterval { failures, trials, low, high } = rate;
        Self { failures, trials, low, high }
    }
}

/// The runs between which a rate changed, with a probability of 99 %.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeInterval {
    /// The latest run that is surely before the change; `None` where the record begins within the interval.
    pub after: Option<RunId>,
    /// The most likely first run with the present rate.
    pub first: RunId,
    /// The latest run that may be the first with the present rate.
    pub by: RunId,
}
