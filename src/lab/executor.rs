//! Where trials run.

use super::error::LabError;
use super::observer::Observer;
use super::trial::TrialSpec;
use model::TrialRecord;
use std::path::Path;
use std::pin::Pin;
use tokio_util::sync::CancellationToken;

/// A trial on its way to its record.
pub type Execution<'a> = Pin<Box<dyn Future<Output = Result<TrialRecord, LabError>> + Send + 'a>>;

/// A trial to run.
pub struct Assignment<'a> {
    /// What to run.
    pub spec: &'a TrialSpec,
    /// The trial's folder; it is made if need be.
    pub folder: &'a Path,
    /// What the observer calls the trial.
    pub index: usize,
    /// Is told how the trial stands.
    pub observer: &'a dyn Observer,
    /// Ends the trial before its time.
    pub cancel: CancellationToken,
}

/// Runs trials one by one; several run at a time.
pub trait Executor: Send + Sync {
    /// Runs a trial to its end. Its folder then holds all of it, record included.
    ///
    /// # Errors
    /// When not even a record can be written. A trial that the lab could not bring to its end is a record with the outcome
    /// `lab-error`.
    fn execute<'a>(&'a self, assignment: Assignment<'a>) -> Execution<'a>;
}
