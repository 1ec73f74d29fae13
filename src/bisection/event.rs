//! What a session reports while it runs.

use super::entry::JournalEntry;
use super::search::Search;
use super::session::SearchOutcome;
use crate::git::CommitId;
use bisect::{Revision, Task};
use model::CellId;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// A running build or trial, for display.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningJob {
    /// The revision.
    pub revision: Revision,
    /// Build or trial.
    pub task: Task,
    /// Its purpose.
    pub purpose: String,
    /// Time since it started.
    pub elapsed: Duration,
}

/// An event of a session.
#[derive(Debug)]
pub enum SessionEvent<'a> {
    /// An old end is no ancestor of the new end: the search starts at their merge base.
    MergeBase {
        /// The old end.
        end: &'a CommitId,
        /// The new end.
        new: &'a CommitId,
        /// Their merge base.
        base: &'a CommitId,
    },
    /// A search starts or continues.
    SearchStarted {
        /// Its state.
        search: &'a Search,
    },
    /// A job was started.
    JobStarted {
        /// The state of the search.
        search: &'a Search,
        /// All running jobs.
        running: &'a [RunningJob],
    },
    /// A job has finished, and its result is in the journal.
    JobFinished {
        /// The result.
        entry: &'a JournalEntry,
        /// The state of the search.
        search: &'a Search,
        /// All running jobs.
        running: &'a [RunningJob],
    },
    /// No jobs are running any more.
    SearchEnded,
    /// The first end of a list fails, the last one does not: the session searches for the fix instead.
    SearchInverted,
    /// The session was stopped without an answer.
    Stopped {
        /// Its folder.
        session: &'a Path,
    },
    /// A search for kernel options starts.
    RoundsStarted {
        /// Options that differ.
        options: usize,
        /// The folder of its rounds.
        dir: &'a Path,
    },
    /// A failure of a run that is not bisected.
    RegressionSkipped {
        /// The cell.
        cell: &'a CellId,
        /// Why.
        reason: &'a SkipReason,
    },
    /// A regression is being bisected.
    RegressionStarted {
        /// The cell.
        cell: &'a CellId,
        /// The run in which it was as expected.
        run: &'a str,
        /// The commit of that run's kernel.
        good: &'a CommitId,
        /// The commit of the failing kernel.
        bad: &'a CommitId,
    },
    /// A regression has an answer.
    RegressionFinished {
        /// The cell.
        cell: &'a CellId,
        /// The session and its answer.
        outcome: &'a SearchOutcome,
    },
}

/// Why a failure of a run is not bisected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// The budget is spent.
    NoTime,
    /// The kernel is not built from a git repository.
    NoCommit,
    /// No earlier run has the cell as expected with another commit.
    NeverGreen,
    /// It failed before the latest run that was as expected, too.
    Recurring,
    /// The source of this kernel is patched before it is built.
    Patched(String),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTime => write!(f, "no time left"),
            Self::NoCommit => write!(f, "its kernel is not built from a git repository on this machine"),
            Self::NeverGreen => write!(f, "no earlier run beside this one has it as expected, with another commit"),
            Self::Recurring => write!(f, "it has failed before, too, and its rate has not surely changed"),
            Self::Patched(kernel) => write!(f, "{kernel} is patched before it is built"),
        }
    }
}

/// Receives the events of a session.
pub trait SessionListener {
    /// Called on the session's own thread: it must not block.
    fn on_event(&mut self, event: SessionEvent<'_>);
}
