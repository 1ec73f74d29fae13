//! Runs git.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// git reads large histories and writes large trees.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Environment variables that redirect git to another repository; they are set in hooks (githooks(5)).
const REDIRECTING: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_COMMON_DIR"];

const SHALLOW: &str = ", which is a shallow clone: `git fetch --unshallow`";

/// Why git failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// It is not installed, or cannot be started.
    #[error("cannot run git: {0}: `oomlab doctor --fix` installs it")]
    Missing(std::io::Error),
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
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The output of git, if it succeeds.
pub(super) async fn output(command: &mut Command, what: &'static str, dir: &Path) -> Result<String, GitError> {
    let timed_out = |_| GitError::failed(what, dir, format!("timed out after {} s", TIMEOUT.as_secs()));
    let output =
        tokio::time::timeout(TIMEOUT, command.output()).await.map_err(timed_out)?.map_err(GitError::Missing)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    let message = message.trim();
    Err(GitError::failed(what, dir, if message.is_empty() { output.status.to_string() } else { message.to_owned() }))
}
