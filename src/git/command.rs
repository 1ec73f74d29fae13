//! Runs git.

use super::hardened::in_repository;
use crate::host::{Limits, RunError, capture};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// git reads large histories and writes large trees.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(900), max_stdout: 1 << 30 };

const SHALLOW: &str = ", which is a shallow clone: `git fetch --unshallow`";

/// Why git failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// It cannot be run to its end.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It failed.
    #[error("git failed to {what} in {}: {message}", dir.display())]
    Failed {
        /// The attempt.
        what: &'static str,
        /// The repository or worktree.
        dir: PathBuf,
        /// git's message.
        message: String,
    },
    /// The folder of a repository cannot be used.
    #[error("cannot use {}: {source}", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No repository.
    #[error("{} is not in a git repository; name one with `--repo`", .0.display())]
    NoRepository(PathBuf),
    /// A range that git does not know.
    #[error("`{range}` is no range of commits of {}: {message}", dir.display())]
    NoRange {
        /// The range.
        range: String,
        /// The repository.
        dir: PathBuf,
        /// git's message.
        message: String,
    },
    /// A revision that names no commit.
    #[error("`{revision}` names no commit of {}{}", dir.display(), if *shallow { SHALLOW } else { "" })]
    UnknownRevision {
        /// The revision.
        revision: String,
        /// The repository.
        dir: PathBuf,
        /// Whether the repository has only part of its history.
        shallow: bool,
    },
}

impl GitError {
    pub(super) fn failed(what: &'static str, dir: &Path, message: impl Into<String>) -> Self {
        Self::Failed { what, dir: dir.to_owned(), message: message.into() }
    }
}

/// git in a repository.
pub(super) fn git(dir: &Path) -> Command {
    in_repository(dir).into()
}

/// The output of git, if it succeeds.
pub(super) async fn output(command: &mut Command, what: &'static str, dir: &Path) -> Result<String, GitError> {
    Ok(String::from_utf8_lossy(&bytes(command, what, dir).await?).into_owned())
}

/// As [`output`], for names of files and refs, which need not be UTF-8.
pub(super) async fn bytes(command: &mut Command, what: &'static str, dir: &Path) -> Result<Vec<u8>, GitError> {
    match capture(command, LIMITS).await?.success() {
        Ok(bytes) => Ok(bytes),
        Err(error @ RunError::Failed { .. }) => Err(GitError::failed(what, dir, error.to_string())),
        Err(error) => Err(error.into()),
    }
}
