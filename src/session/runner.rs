//! What carries out a search's decisions.

use super::error::SessionError;
use super::record::Ended;
use crate::git::Commit;
use bisect::{Slot, Task};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

/// A build or a trial that is to run.
#[derive(Debug, Clone)]
pub struct Job {
    /// The revision.
    pub commit: Commit,
    /// What to do with it.
    pub task: Task,
    /// How many trials of this revision have begun, with this one.
    pub number: usize,
    /// Whether it is the bad end: its first failure says what counts as bad.
    pub is_bad_end: bool,
    /// An empty file for what it prints.
    pub log: PathBuf,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Came {
    /// What that means.
    pub ended: Ended,
    /// The exit status, where it is that of a command.
    pub exit: Option<i32>,
    /// The lab's verdict, where it is one.
    pub verdict: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// How long it took; zero where nothing is to be learned from that.
    pub seconds: f64,
    /// Where the rest is written, below the session's folder.
    pub log: PathBuf,
}

/// A job on its way. Dropping it ends it, and all that it has started.
pub type Coming = Pin<Box<dyn Future<Output = Result<Came, SessionError>>>>;

/// Carries out a search's decisions.
pub trait Runner {
    /// What can run at a time.
    fn slots(&self) -> Vec<Slot>;

    /// Begins a job; there are never more than [`Runner::slots`] of them.
    fn begin(&mut self, job: Job) -> Coming;

    /// All jobs have ended. `answered`: nobody will go on with the search.
    ///
    /// # Errors
    /// When what it holds cannot be given back.
    fn close(self: Box<Self>, answered: bool) -> Pin<Box<dyn Future<Output = Result<(), SessionError>>>>;
}
