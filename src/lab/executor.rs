//! The interface of executors, which run trials.

use super::error::LabError;
use super::observer::Observer;
use super::trial::TrialSpec;
use model::TrialRecord;
use std::path::Path;
use std::pin::Pin;
use tokio_util::sync::CancellationToken;

/// The future of a trial's record.
pub type Execution<'a> = Pin<Box<dyn Future<Output = Result<TrialRecord, LabError>> + Send + 'a>>;

/// A trial to run.
pub struct Assignment<'a> {
    /// What to run.
    pub spec: &'a TrialSpec,
    /// The trial's folder; created if missing.
    pub folder: &'a Path,
    /// The trial's index for the observer.
    pub index: usize,
    /// Receives the trial's status.
    pub observer: &'a dyn Observer,
    /// Cancels the trial.
    pub cancel: CancellationToken,
}

/// Runs trials; several may run concurrently.
pub trait Executor: Send + Sync {
    /// Runs a trial to its end and writes its folder, including the record.
    ///
    /// # Errors
    /// When the record cannot be written. Any other failure of the lab is a record with the outcome `lab-error`.
    fn execute<'a>(&'a self, assignment: Assignment<'a>) -> Execution<'a>;

    /// Whether trials were stopped by others than the lab: the run is to be resumed.
    fn is_incomplete(&self) -> bool {
        false
    }

    /// Ends the trials of a run that has failed, where they may wait for long before they run; elsewhere they run to their ends.
    fn stop(&self) {}
}
