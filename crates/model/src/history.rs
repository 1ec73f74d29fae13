//! Runs side by side: what a history shows. Titles are guest output.

use super::words::words;
use super::{CellId, ChangeInterval, Failure, RateInterval, RunId};
use changepoint::Trend;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kernel as its trials booted it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
pub struct KernelBuild {
    /// Its release, for example `6.1.176`.
    pub release: Option<String>,
    /// Full name of the commit that it was built from.
    pub commit: Option<String>,
}

/// A run in a list of runs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunOverview {
    /// The run.
    pub run: RunId,
    /// Name of its matrix.
    pub matrix: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// Whether it has ended.
    pub finished: bool,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// The kernels that it booted.
    pub kernels: Vec<KernelBuild>,
    /// Trials that were planned.
    pub planned: u32,
    /// Trials that passed.
    pub passed: u32,
    /// Trials that failed as expected.
    pub expected_failures: u32,
    /// Trials that ended in another way than expected, without those that are quarantined or that the user stopped.
    pub unexpected: u32,
    /// Trials that ended in another way than expected and are quarantined.
    pub quarantined: u32,
    /// Trials without a verdict on the guest.
    pub without_verdict: u32,
    /// Cells that changed.
    pub changes: TrendCounts,
}

/// Numbers of cells by the most urgent word for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct TrendCounts {
    /// Cells that fail and did not before.
    pub new: u32,
    /// Cells that fail more often.
    pub worse: u32,
    /// Cells that fail, and it takes more trials to tell whether that is a change.
    pub undecided: u32,
    /// Cells that no longer fail.
    pub fixed: u32,
    /// Cells that fail less often.
    pub better: u32,
}

impl TrendCounts {
    /// Counts a cell by its word.
    pub const fn count(&mut self, trend: Trend) {
        match trend {
            Trend::New => self.new += 1,
            Trend::Worse => self.worse += 1,
            Trend::Undecided => self.undecided += 1,
            Trend::Fixed => self.fixed += 1,
            Trend::Better => self.better += 1,
            _ => {}
        }
    }
}

/// A cell in the runs of one matrix.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CellHistory {
    /// Name of the matrix.
    pub matrix: String,
    /// The cell.
    pub cell: CellId,
    /// Its runs, oldest first.
    pub runs: Vec<CellRun>,
    /// Each way in which it failed, those with the most urgent word first.
    pub failures: Vec<FailureHistory>,
    /// Its rate of failures of any kind, in all runs together; `None` without a verdict on the guest.
    pub rate: Option<RateInterval>,
}

/// A cell in one run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CellRun {
    /// The run.
    pub run: RunId,
    /// When the run began, RFC 3339.
    pub started: String,
    /// The kernel.
    pub kernel: KernelBuild,
    /// Trials with a verdict on the guest.
    pub trials: u32,
    /// Trials that failed.
    pub failures: u32,
    /// Trials without a verdict on the guest.
    pub without_verdict: u32,
}

/// A failure of a cell over its runs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FailureHistory {
    /// The failure.
    pub failure: Failure,
    /// Whether the latest run with it expected it.
    pub expected: bool,
    /// Its trials in each run of the cell.
    pub failures: Vec<u32>,
    /// The word for it after the latest run.
    pub trend: Trend,
    /// Further trials in the latest run that would decide an undecided trend.
    pub trials_to_decide: Option<u32>,
    /// Its rates, oldest first: each constant as far as the record shows.
    pub segments: Vec<RateSegment>,
}

/// Runs with one rate of a failure.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RateSegment {
    /// The rate.
    pub rate: RateInterval,
    /// When it began; `None` for the first, which is older than the record.
    pub since: Option<ChangeInterval>,
    /// What differs between the ends of that interval: any of it may be the cause.
    pub differs: Vec<Component>,
}

words! {
    /// A part of what a trial runs.
    Component {
        /// The kernel's image.
        Kernel = "kernel",
        /// The initramfs, with the agent and the workload.
        Initrd = "initrd",
        /// The firmware.
        Firmware = "firmware",
        /// The root disk.
        RootDisk = "root-disk",
        /// Settings of the cell: arguments, timeouts, faults.
        Settings = "settings",
    }
}

/// Two runs, cell by cell.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The run that is the basis.
    pub old: RunId,
    /// The run that is judged by it.
    pub new: RunId,
    /// A cell and failure each, the most urgent first.
    pub cells: Vec<ComparedCell>,
}

impl Comparison {
    /// Whether a cell is new or worse.
    pub fn is_worse(&self) -> bool {
        self.cells.iter().any(|cell| matches!(cell.trend, Trend::New | Trend::Worse))
    }
}

/// A cell, or one failure of it, in two runs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ComparedCell {
    /// The cell.
    pub cell: CellId,
    /// The failure; `None` where the cell has none in either run.
    pub failure: Option<Failure>,
    /// The word for it.
    pub trend: Trend,
    /// Its rate up to the old run, since the latest change before that; `None` where it was not tried.
    pub old: Option<RateInterval>,
    /// Its rate in the new run; `None` where it was not tried.
    pub new: Option<RateInterval>,
    /// The probability that the rates differ; `None` where one of them is missing.
    pub probability: Option<f64>,
}

/// A cell that fails at a steady rate.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FlakyCell {
    /// Name of the matrix.
    pub matrix: String,
    /// The cell.
    pub cell: CellId,
    /// The failure.
    pub failure: Failure,
    /// Its rate.
    pub rate: RateInterval,
    /// When the rate began; `None` where it is older than the record.
    pub since: Option<ChangeInterval>,
    /// Its latest run.
    pub latest: RunId,
}

/// A run that is no part of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// The run.
    pub run: RunId,
    /// Why.
    pub reason: String,
}
