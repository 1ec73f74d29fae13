//! Runs git.

use crate::host::{Limits, RunError, capture};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// git reads large histories and writes large trees.
const LIMITS: Limits = Limits { timeout: Duration::from_secs(900), max_stdout: 1 << 30 };

/// Environment variables that redirect git to another repository; they are set in hooks (githooks(5)).
const REDIRECTING: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_COMMON_DIR"];

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

/// git in `dir`, without prompts and without the user's hooks.
pub(super) fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args([
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "gc.auto=0",
        "-c",
        "advice.detachedHead=false",
    ]);
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0");
    for name in REDIRECTING {
        command.env_remove(name);
    }
    command
}

/// The output of git, if it succeeds.
pub(super) async fn output(command: &mut Command, what: &'static str, dir: &Path) -> Result<String, GitError> {
    match capture(command, LIMITS).await?.text() {
        Ok(text) => Ok(text),
        Err(error @ RunError::Failed { .. }) => Err(GitError::failed(what, dir, error.to_string())),
        Err(error) => Err(error.into()),
    }
}
