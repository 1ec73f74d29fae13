//! Runs git.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long git may take for anything: it reads large histories and writes large trees.
const PATIENCE: Duration = Duration::from_secs(900);

/// Words of the environment that would turn git to another repository than the one that is named, as they are set in hooks
/// (githooks(5)).
const FOREIGN: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_COMMON_DIR"];

/// What git could not do.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// It is not installed, or cannot be started.
    #[error("cannot run git: {0}: `oomlab doctor --fix` installs it")]
    Missing(std::io::Error),
    /// It failed.
    #[error("git failed to {what} in {}: {said}", dir.display())]
    Failed {
        /// The attempt.
        what: &'static str,
        /// The repository or worktree.
        dir: PathBuf,
        /// What git said.
        said: String,
    },
    /// The user's words do not fit the repository.
    #[error("{0}")]
    Wrong(String),
}

impl GitError {
    pub(super) fn failed(what: &'static str, dir: &Path, said: impl Into<String>) -> Self {
        Self::Failed { what, dir: dir.to_owned(), said: said.into() }
    }
}

/// git in `dir`, which asks nobody for anything and runs no hooks of the user's.
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
    for word in FOREIGN {
        command.env_remove(word);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// What a git prints, if it succeeds.
pub(super) async fn output(command: &mut Command, what: &'static str, dir: &Path) -> Result<String, GitError> {
    let late = |_| GitError::failed(what, dir, format!("no end after {} s", PATIENCE.as_secs()));
    let output = tokio::time::timeout(PATIENCE, command.output()).await.map_err(late)?.map_err(GitError::Missing)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    Err(GitError::failed(what, dir, if said.is_empty() { output.status.to_string() } else { said.to_owned() }))
}
