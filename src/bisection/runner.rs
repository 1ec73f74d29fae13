//! The interface between a search and its builds and trials.

use super::entry::TrialResult;
use super::error::SessionError;
use crate::git::Commit;
use bisect::{Slot, Task};
use std::path::PathBuf;
use std::pin::Pin;

/// A build or a trial to run.
#[derive(Debug, Clone)]
pub struct Job {
    /// The revision.
    pub commit: Commit,
    /// Build or trial.
    pub task: Task,
    /// The number of this trial among those of its revision, from 1.
    pub number: usize,
    /// Whether the revision is the bad end, whose first failure is the reference for all others.
    pub is_bad_end: bool,
    /// An empty file for the output.
    pub log: PathBuf,
}

/// The outcome of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobOutcome {
    /// The result.
    pub result: TrialResult,
    /// Exit status of a command.
    pub exit: Option<i32>,
    /// Verdict on a cell.
    pub verdict: Option<String>,
    /// Title of the verdict.
    pub title: Option<String>,
    /// Duration; zero where it teaches nothing about costs.
    pub seconds: f64,
    /// The output: a path below the session's folder.
    pub log: PathBuf,
}

/// A running job. Dropping it kills the job and all its processes.
pub type JobFuture = Pin<Box<dyn Future<Output = Result<JobOutcome, SessionError>>>>;

/// Runs builds and trials.
pub trait Runner {
    /// The jobs that can run in parallel.
    fn slots(&self) -> Vec<Slot>;

    /// Starts a job; never more than [`Runner::slots`] are running.
    fn start(&mut self, job: Job) -> JobFuture;

    /// Called after the last job; `answered`: the session will not be resumed.
    ///
    /// # Errors
    /// When resources cannot be released.
    fn finish(self: Box<Self>, answered: bool) -> Pin<Box<dyn Future<Output = Result<(), SessionError>>>>;
}
