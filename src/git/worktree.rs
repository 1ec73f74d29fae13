//! Checkouts beside the user's.

use super::command::{GitError, output};
use super::commit::CommitId;
use super::hardened::in_repository;
use super::locks::remove_stale_locks;
use super::origin::Origin;
use crate::host::Clock;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::process::Command;

/// How long a command that is being killed may write to its worktree.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(10);
const REMOVAL_PAUSE: Duration = Duration::from_millis(20);

/// A checkout with a detached HEAD and a repository of its own, which shares the objects of the user's. A linked worktree
/// (git-worktree(1)) would write to the user's repository, and obey its configuration: `core.worktree` names the folder to
/// check out to, `worktrees` may be a symbolic link, and `git worktree prune` forgets the user's own worktrees on another disk.
///
/// Untracked files stay from commit to commit, so that builds are incremental.
#[derive(Debug)]
pub struct Worktree {
    dir: PathBuf,
    origin: Rc<Origin>,
    at: Option<CommitId>,
}

impl Worktree {
    /// Creates a worktree at `dir`, or opens the one that an earlier process left there.
    ///
    /// # Errors
    /// When git fails, or the folder cannot be written.
    pub async fn open(origin: Rc<Origin>, dir: PathBuf) -> Result<Self, GitError> {
        let tree = Self { dir, origin, at: None };
        tree.prepare().await?;
        Ok(tree)
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The commit that is checked out, once this process has done so; none where a command has deleted the worktree.
    pub fn at(&self) -> Option<&CommitId> {
        self.at.as_ref().filter(|_| self.has_repository())
    }

    /// Checks a commit out. Untracked files stay; changes of tracked files are lost.
    ///
    /// # Errors
    /// When git fails, for example because the disk is full.
    pub async fn check_out(&mut self, commit: &CommitId) -> Result<(), GitError> {
        self.at = None;
        if !self.has_repository() {
            self.prepare().await?;
        }
        // No other process uses this worktree.
        remove_stale_locks(&self.repository());
        let mut command = self.git();
        command.args(["checkout", "--detach", "--force", "--quiet", commit.as_str(), "--"]);
        output(&mut command, "check out a commit", &self.dir).await?;
        self.at = Some(commit.clone());
        Ok(())
    }

    /// Removes the worktree at `dir`. A command that is being killed may still write to it: what it adds is removed, too.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub async fn remove(dir: &Path) -> Result<(), GitError> {
        let clock = Clock::start();
        loop {
            match tokio::fs::remove_dir_all(dir).await {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && clock.elapsed() < REMOVAL_TIMEOUT => {
                    tokio::time::sleep(REMOVAL_PAUSE).await;
                }
                Err(source) => return Err(GitError::Folder { dir: dir.to_owned(), source }),
                Ok(()) => return Ok(()),
            }
        }
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.dir.join(".git")
    }

    fn has_repository(&self) -> bool {
        self.repository().symlink_metadata().is_ok_and(|found| found.is_dir())
    }

    /// git with this repository. If a command has deleted it, git must not find another one in a folder above.
    fn git(&self) -> Command {
        let mut command = in_repository(&self.dir);
        command.args(["--git-dir=.git", "--work-tree=."]);
        command.into()
    }

    /// Makes or completes the repository.
    async fn prepare(&self) -> Result<(), GitError> {
        let failed = |source| GitError::Folder { dir: self.dir.clone(), source };
        if !self.has_repository() {
            // Without a repository it is unknown which files are of a commit. In sessions of earlier versions `.git` is a file.
            Self::remove(&self.dir).await?;
        }
        std::fs::create_dir_all(&self.dir).map_err(failed)?;
        remove_stale_locks(&self.repository());
        let mut command: Command = in_repository(&self.dir).into();
        command.args(["init", "--quiet", "--template=", "--object-format", &self.origin.format]);
        // The copied refs are in the format of files.
        command.env("GIT_DEFAULT_REF_FORMAT", "files");
        output(&mut command, "make a repository", &self.dir).await?;
        let git_dir = self.repository();
        let write = |name: &str, content: &[u8]| std::fs::write(git_dir.join(name), content).map_err(failed);
        write("objects/info/alternates", &self.origin.alternates)?;
        write("packed-refs", &self.origin.refs)?;
        if let Some(commits) = &self.origin.shallow {
            write("shallow", commits)?;
        }
        for (name, value) in &self.origin.promisors {
            let mut command = self.git();
            command.args(["config", "--replace-all", name, value]);
            output(&mut command, "name the remote of a partial clone", &self.dir).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Repository;
    use super::super::command::git;
    use super::*;

    /// A repository at this path, with as many commits as there are texts.
    async fn repository(root: &Path, format: &str, texts: &[&str]) -> (Repository, Vec<CommitId>) {
        std::fs::create_dir_all(root).unwrap();
        let run = async |arguments: &[&str]| {
            let mut command = git(root);
            command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(arguments);
            output(&mut command, "make a repository", root).await.unwrap()
        };
        run(&["init", "--quiet", "--initial-branch=main", "--object-format", format]).await;
        let mut commits = Vec::new();
        for text in texts {
            std::fs::write(root.join("text"), text).unwrap();
            run(&["add", "text"]).await;
            run(&["commit", "--quiet", "--message", text]).await;
            commits.push(CommitId::new(run(&["rev-parse", "HEAD"]).await.trim()));
        }
        run(&["tag", "-a", "-m", "one", "v1", commits[0].as_str()]).await;
        (Repository::open(root).await.unwrap(), commits)
    }

    async fn worktree(repository: &Repository, dir: PathBuf) -> Result<Worktree, GitError> {
        Worktree::open(Rc::new(Origin::of(repository).await?), dir).await
    }

    #[tokio::test]
    async fn worktree_has_the_history_and_the_refs() {
        let folder = tempfile::tempdir().unwrap();
        for (format, name) in [("sha1", "plain"), ("sha256", "odd \"name\"\n\\ ")] {
            let (repository, commits) = repository(&folder.path().join(name), format, &["one", "two", "three"]).await;
            let mut tree = worktree(&repository, folder.path().join(format)).await.unwrap();
            tree.check_out(&commits[1]).await.unwrap();
            assert_eq!(std::fs::read(tree.path().join("text")).unwrap(), b"two");
            let say = async |arguments: &[&str]| {
                output(git(tree.path()).args(arguments), "look", tree.path()).await.unwrap().trim().to_owned()
            };
            assert!(say(&["describe"]).await.starts_with("v1-1-g"));
            assert_eq!(say(&["log", "--format=%s", "HEAD"]).await, "two\none");
            assert_eq!(say(&["rev-parse", "main", "--symbolic-full-name", "HEAD"]).await.lines().count(), 2);
            assert_eq!(say(&["status", "--porcelain"]).await, "");
            assert_eq!(say(&["rev-parse", "--abbrev-ref", "HEAD"]).await, "HEAD", "it is detached");
            // Reopened, with a repository of its own.
            let mut tree = worktree(&repository, folder.path().join(format)).await.unwrap();
            tree.check_out(&commits[2]).await.unwrap();
            assert_eq!(std::fs::read(tree.path().join("text")).unwrap(), b"three");
        }
    }

    #[tokio::test]
    async fn checkout_removes_the_locks_of_a_killed_git() {
        let folder = tempfile::tempdir().unwrap();
        let (repository, commits) = repository(&folder.path().join("repository"), "sha1", &["one"]).await;
        let dir = folder.path().join("tree");
        let mut tree = worktree(&repository, dir.clone()).await.unwrap();
        for lock in ["index.lock", "HEAD.lock", "config.lock"] {
            std::fs::write(dir.join(".git").join(lock), "").unwrap();
            tree.check_out(&commits[0]).await.unwrap();
            assert_eq!(tree.at(), Some(&commits[0]), "{lock}");
        }
        std::fs::write(dir.join(".git/config.lock"), "").unwrap();
        worktree(&repository, dir).await.unwrap();
    }

    /// A command may delete its worktree, or the repository in it; the folder may be in another repository of the user.
    #[tokio::test]
    async fn deleted_repository_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (repository, commits) = repository(&folder.path().join("repository"), "sha1", &["one", "two"]).await;
        let dir = repository.path().join("bisections/trees/0");
        let mut tree = worktree(&repository, dir.clone()).await.unwrap();
        for lost in [dir.join(".git"), dir.clone()] {
            tree.check_out(&commits[0]).await.unwrap();
            std::fs::write(dir.join("left"), "").unwrap();
            std::fs::remove_dir_all(&lost).unwrap();
            assert_eq!(tree.at(), None);
            tree.check_out(&commits[1]).await.unwrap();
            assert_eq!(std::fs::read(dir.join("text")).unwrap(), b"two");
            assert!(!dir.join("left").exists(), "it may be a file of another commit");
        }
        assert_eq!(repository.resolve("HEAD").await.unwrap(), commits[1]);
        assert_eq!(std::fs::read(repository.path().join("text")).unwrap(), b"two");
        // A linked worktree, as earlier versions made them.
        std::fs::remove_dir_all(&dir).unwrap();
        let linked = ["worktree", "add", "--quiet", "--detach", dir.to_str().unwrap(), commits[0].as_str()];
        output(git(repository.path()).args(linked), "make a worktree", repository.path()).await.unwrap();
        let mut tree = worktree(&repository, dir.clone()).await.unwrap();
        tree.check_out(&commits[1]).await.unwrap();
        assert!(dir.join(".git").is_dir());
        Worktree::remove(&dir).await.unwrap();
        assert!(!dir.exists());
        Worktree::remove(&dir).await.unwrap();
    }
}
