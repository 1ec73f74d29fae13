//! What ends a session without an answer.

use crate::git::{CommitId, GitError};
use bisect::{HistoryError, SettingsError};
use std::path::{Path, PathBuf};

/// Why a session cannot go on. What its trials have shown is kept.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The user's words make no sense.
    #[error("{0}")]
    Wrong(String),
    /// git failed.
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
    /// A file of the session is not what it should be.
    #[error("{}:{line}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The command cannot be run at all, or ran for too long.
    #[error("the command said nothing of {}: {reason}; its output is in {}", commit.short(), log.display())]
    Command {
        /// Where.
        commit: CommitId,
        /// Why.
        reason: String,
        /// What it printed.
        log: PathBuf,
    },
    /// The lab failed.
    #[error("{0}")]
    Lab(String),
    /// The search and its history contradict each other.
    #[error("the history of this session makes no sense: {0}")]
    History(#[from] HistoryError),
    /// The search was asked for something that cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

impl SessionError {
    pub(super) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { what, path: path.to_owned(), source }
    }
}
