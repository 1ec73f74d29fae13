//! Checkouts beside the user's.

use super::command::{GitError, git, output};
use super::commit::CommitId;
use super::repository::Repository;
use std::path::{Path, PathBuf};

/// A linked worktree (git-worktree(1)) with a detached HEAD. Untracked files stay from commit to commit, so that builds are
/// incremental.
#[derive(Debug)]
pub struct Worktree {
    dir: PathBuf,
    at: Option<CommitId>,
}

impl Worktree {
    /// Creates a worktree at `dir`, or opens the one that an earlier process left there.
    ///
    /// # Errors
    /// When git fails, or `dir` is not a worktree.
    pub async fn open(repository: &Repository, dir: PathBuf) -> Result<Self, GitError> {
        if !dir.join(".git").exists() {
            let root = repository.path();
            // Deleted worktrees are still on git's list.
            output(git(root).args(["worktree", "prune"]), "forget lost worktrees", root).await?;
            let mut command = git(root);
            command.args(["worktree", "add", "--detach", "--force", "--no-checkout", "--quiet"]).arg(&dir);
            // The default is HEAD, which may not exist.
            let any = output(git(root).args(["rev-list", "--all", "-1"]), "find a commit", root).await?;
            output(command.arg(any.trim()), "make a worktree", root).await?;
        }
        Ok(Self { dir, at: None })
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The commit that is checked out, once this process has done so.
    pub fn at(&self) -> Option<&CommitId> {
        self.at.as_ref()
    }

    /// Checks a commit out. Untracked files stay; changes of tracked files are lost.
    ///
    /// # Errors
    /// When git fails, for example because the disk is full.
    pub async fn check_out(&mut self, commit: &CommitId) -> Result<(), GitError> {
        self.at = None;
        // A killed git leaves its lock behind; no other process uses this worktree.
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

    /// Removes the worktree at `dir`, also from git's list.
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
