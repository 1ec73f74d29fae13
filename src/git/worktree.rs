//! A checkout of the lab's own beside the user's.

use super::command::{GitError, git, output};
use super::commit::CommitId;
use super::repository::Repository;
use std::path::{Path, PathBuf};

/// A linked worktree (git-worktree(1)) with a detached HEAD. What builds leave behind in it stays from commit to commit, so
/// that each costs what it changes.
#[derive(Debug)]
pub struct Worktree {
    dir: PathBuf,
    at: Option<CommitId>,
}

impl Worktree {
    /// Makes one at `dir`, or takes the one that an earlier program left there.
    ///
    /// # Errors
    /// When git fails, or something else is there.
    pub async fn open(repository: &Repository, dir: PathBuf) -> Result<Self, GitError> {
        if !dir.join(".git").exists() {
            let root = repository.path();
            // What is gone from the disk is still on git's list.
            output(git(root).args(["worktree", "prune"]), "forget lost worktrees", root).await?;
            let mut command = git(root);
            command.args(["worktree", "add", "--detach", "--force", "--no-checkout", "--quiet"]).arg(&dir);
            // Without a commit git would take HEAD, which a repository may lack.
            let any = output(git(root).args(["rev-list", "--all", "-1"]), "find a commit", root).await?;
            output(command.arg(any.trim()), "make a worktree", root).await?;
        }
        Ok(Self { dir, at: None })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// What was last checked out.
    pub fn at(&self) -> Option<&CommitId> {
        self.at.as_ref()
    }

    /// Checks a commit out. Files that git does not know stay; changes of those that it knows are lost.
    ///
    /// # Errors
    /// When git fails, for example because the disk is full.
    pub async fn check_out(&mut self, commit: &CommitId) -> Result<(), GitError> {
        self.at = None;
        // Who was killed in the middle leaves this behind; nobody else uses this worktree.
        let mut command = git(&self.dir);
        command.args(["rev-parse", "--git-path", "index.lock"]);
        let lock = self.dir.join(output(&mut command, "find the index", &self.dir).await?.trim());
        if lock.exists() {
            let _ = std::fs::remove_file(lock);
        }
        let mut command = git(&self.dir);
        command.args(["checkout", "--detach", "--force", "--quiet", commit.as_str(), "--"]);
        output(&mut command, "check out a commit", &self.dir).await?;
        self.at = Some(commit.clone());
        Ok(())
    }

    /// Removes the one at `dir`, also from git's list.
    ///
    /// # Errors
    /// When git fails.
    pub async fn remove(repository: &Repository, dir: &Path) -> Result<(), GitError> {
        let root = repository.path();
        let mut command = git(root);
        command.args(["worktree", "remove", "--force", "--force"]).arg(dir);
        output(&mut command, "remove a worktree", root).await.map(drop)
    }
}
