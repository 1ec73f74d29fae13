//! Why a request is refused, and why a session ends without an answer.

use crate::diagnostic::Diagnostic;
use crate::git::{CommitId, GitError};
use crate::kernel::KernelError;
use crate::lab::LabError;
use crate::store::StoreError;
use bisect::{HistoryError, SettingsError};
use model::{CellId, RamError};
use std::num::ParseIntError;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A request that cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The cell is invalid.
    #[error("invalid cell")]
    Cell(Vec<Diagnostic>),
    /// The new end is an ancestor of an old one.
    #[error("the {new} end is not newer than the {old} one {}: {hint}", end.short())]
    Order {
        /// `bad`, in search of a fix `good`.
        new: &'static str,
        /// The other one.
        old: &'static str,
        /// The old end.
        end: CommitId,
        /// What to do.
        hint: &'static str,
    },
    /// Two histories without a merge base.
    #[error("{} and {} have no common ancestor", one.short(), other.short())]
    Unrelated {
        /// One end.
        one: CommitId,
        /// The other end.
        other: CommitId,
    },
    /// A `.config` that cannot be used.
    #[error(transparent)]
    Config(Box<KernelError>),
    /// Two equal configurations.
    #[error("{} and {} differ in no option", good.display(), bad.display())]
    SameConfig {
        /// The good one.
        good: PathBuf,
        /// The bad one.
        bad: PathBuf,
    },
    /// The versions of a cell that boots a kernel of the user's own.
    #[error("the cell's kernel is not from the catalogue")]
    OwnKernel,
    /// No such kernel.
    #[error("no kernel `{name}` for {arch}; known: {}", known.join(", "))]
    NoVersion {
        /// Its name.
        name: String,
        /// The architecture.
        arch: &'static str,
        /// The kernels of its family.
        known: Vec<String>,
    },
    /// Nothing between the ends.
    #[error("`--from` and `--to` are the same")]
    SameValues,
    /// A number of values out of range.
    #[error("from {from} to {to} in steps of {step} is not a range of 2 to {max} values")]
    Range {
        /// The first value.
        from: u64,
        /// The last value.
        to: u64,
        /// The step.
        step: u64,
        /// Maximum number of values.
        max: u64,
    },
    /// An amount of RAM.
    #[error(transparent)]
    Ram(#[from] RamError),
    /// A value that is no number.
    #[error("`{value}` is not a number")]
    Number {
        /// The value.
        value: String,
        /// Why.
        source: ParseIntError,
    },
    /// Two values with different units.
    #[error("`{from}` and `{to}` have different units")]
    Units {
        /// The first value.
        from: String,
        /// The last value.
        to: String,
    },
    /// A failure rate.
    #[error("the failure rate {0} is not above 0 and at most 1")]
    Rate(f64),
    /// A probability that no answer can reach, or that proves nothing.
    #[error("`--sure` must be {0}")]
    Target(&'static str),
    /// A least failure rate that no trials can exclude.
    #[error("`--rate` must be {0}: the least share of failing trials, for example 0.01")]
    MinRate(&'static str),
    /// Another setting of the search.
    #[error(transparent)]
    Settings(SettingsError),
}

impl From<SettingsError> for RequestError {
    fn from(error: SettingsError) -> Self {
        match error.name {
            "target" => Self::Target(error.range),
            "min_p" => Self::MinRate(error.range),
            _ => Self::Settings(error),
        }
    }
}

/// Why a session cannot continue. Finished trials stay in its journal.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// git.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file of the session.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// The attempt: `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A damaged file of the session.
    #[error("{}:{line}: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// Why it cannot be read.
        source: serde_json::Error,
    },
    /// A session of a newer program.
    #[error("{}: format {found}; this program reads formats up to {max}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest known format.
        max: u32,
    },
    /// No session in a folder.
    #[error("no session in {}; `oomlab bisect commits` starts one", .0.display())]
    NoSession(PathBuf),
    /// No session at all.
    #[error("no session below {}; `oomlab bisect commits` starts one", .0.display())]
    NoSessions(PathBuf),
    /// A session in the folder of a new one.
    #[error("{dir} already has a session; `oomlab bisect resume {dir}` continues it", dir = .0.display())]
    Exists(PathBuf),
    /// A session of another running program.
    #[error("another oomlab is running in {}", .0.display())]
    InUse(PathBuf),
    /// A session of a list, where commits are needed.
    #[error("this session has no repository")]
    NoRepository,
    /// A commit that is not between the session's ends.
    #[error("{0} is not in the session's history")]
    UnknownCommit(CommitId),
    /// A value without a cell.
    #[error("this session has no cell for `{0}`")]
    NoCell(CommitId),
    /// A command without a result.
    #[error("no result for {}: {reason}; its output is in {}", commit.short(), log.display())]
    NoResult {
        /// The commit.
        commit: CommitId,
        /// Why.
        reason: NoResult,
        /// The output.
        log: PathBuf,
    },
    /// The lab failed in a trial.
    #[error("trial {trial} of {cell}: {verdict}: {summary}")]
    Trial {
        /// The cell.
        cell: CellId,
        /// The number of the trial.
        trial: u32,
        /// The verdict.
        verdict: String,
        /// Its summary.
        summary: String,
    },
    /// Kernel or image of a cell.
    #[error("cannot prepare {cell}: {summary}")]
    Prepare {
        /// The cell.
        cell: CellId,
        /// Why.
        summary: String,
    },
    /// The lab.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A run directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A kernel.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The search and its history contradict each other.
    #[error("the history of this session is inconsistent: {0}")]
    History(#[from] HistoryError),
    /// A violated invariant of this program.
    #[error("internal error: {0}")]
    Internal(&'static str),
}

/// Why a command has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoResult {
    /// It ran for the longest possible time; without `--timeout`, that does not count as bad.
    #[error("it ran for {} h; set `--timeout` if a trial that long is bad", .0.as_secs() / 3600)]
    TooLong(Duration),
    /// A shell could not run it.
    #[error("exit status {0}: not found or not executable")]
    NotExecutable(i32),
}

impl SessionError {
    pub(super) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { what, path: path.to_owned(), source }
    }
}

impl From<SettingsError> for SessionError {
    fn from(error: SettingsError) -> Self {
        Self::Request(error.into())
    }
}
