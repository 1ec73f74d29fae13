//! Verdicts → statuses of KCIDB.

use model::{Kind, Outcome, SubtestStatus, TrialRecord};
use serde::Serialize;

/// The status of a test or a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    /// The test found a fault in the kernel.
    Fail,
    /// The test did not complete: nothing is known of the kernel.
    Error,
    /// The test did not run.
    Miss,
    /// The test found none.
    Pass,
    /// The test does not apply.
    Skip,
}

/// The status of a trial. What proves nothing of the kernel neither passes nor fails, expected or not. A failure fails although it is
/// known, by a quarantine or by `expect` of the matrix; a crash that the workload's manifest has as the verdict of a healthy kernel
/// passes, and a pass in its place fails.
pub(super) fn of_trial(trial: &TrialRecord) -> Status {
    let (expected, is_known) = (trial.as_expected(), trial.cell.expect.reason.is_some());
    match trial.verdict.outcome() {
        _ if trial.verdict.kind == Kind::Interrupted => Status::Miss,
        Outcome::Inconclusive | Outcome::LabError => Status::Error,
        Outcome::Pass if expected || is_known => Status::Pass,
        Outcome::Pass => Status::Fail,
        Outcome::Hang | Outcome::Crash | Outcome::BootFailed | Outcome::Fail if expected && !is_known => Status::Pass,
        Outcome::Hang | Outcome::Crash | Outcome::BootFailed | Outcome::Fail => Status::Fail,
    }
}

/// The status of a subtest.
pub(super) fn of_subtest(status: SubtestStatus) -> Status {
    match status {
        SubtestStatus::Pass | SubtestStatus::ExpectedFail => Status::Pass,
        SubtestStatus::Fail => Status::Fail,
        SubtestStatus::Skip => Status::Skip,
        SubtestStatus::Broken | SubtestStatus::Timeout => Status::Error,
    }
}
