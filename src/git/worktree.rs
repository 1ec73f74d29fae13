//! Checkouts beside the user's.

use super::command::{GitError, git, output};
use super::commit::CommitId;
use super::hardened::for_checkout;
use super::locks::remove_stale_locks;
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
        let mut command = git(&self.dir);
        command.args(["rev-parse", "--absolute-git-dir"]);
        // No other process uses this worktree.
        remove_stale_locks(Path::new(output(&mut command, "find the worktree's own folder", &self.dir).await?.trim()));
        let mut command: tokio::process::Command = for_checkout(&self.dir).await?.into();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn checkout_removes_the_locks_of_a_killed_git() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("repository");
        std::fs::create_dir(&root).unwrap();
        for arguments in [
            &["init", "--quiet"][..],
            &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "--message=a"],
        ] {
            output(git(&root).args(arguments), "make a repository", &root).await.unwrap();
        }
        let repository = Repository::open(&root).await.unwrap();
        let commit = repository.resolve("HEAD").await.unwrap();
        let mut tree = Worktree::open(&repository, folder.path().join("tree")).await.unwrap();
        let own = root.join(".git/worktrees/tree");
        for lock in ["index.lock", "HEAD.lock"] {
            std::fs::write(own.join(lock), "").unwrap();
            tree.check_out(&commit).await.unwrap();
            assert_eq!(tree.at(), Some(&commit), "{lock}");
        }
    }
}
