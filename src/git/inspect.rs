//! What a commit says of itself.

use super::command::{GitError, bytes, git, output};
use super::commit::CommitId;
use super::repository::Repository;

/// Patterns of the tags of releases: Linus Torvalds's and the stable ones, and those of linux-next.
const RELEASES: [&str; 2] = ["v[0-9]*", "next-[0-9]*"];

impl Repository {
    /// The whole message of a commit.
    ///
    /// # Errors
    /// When there is no such commit.
    pub async fn message(&self, commit: &CommitId) -> Result<String, GitError> {
        let mut command = git(self.path());
        command.args(["log", "-1", "--no-show-signature", "--format=%B", "--end-of-options", commit.as_str(), "--"]);
        output(&mut command, "read a commit", self.path()).await
    }

    /// The files that a commit changes against its parent; none of a merge.
    ///
    /// # Errors
    /// When there is no such commit.
    pub async fn changed_files(&self, commit: &CommitId) -> Result<Vec<String>, GitError> {
        let mut command = git(self.path());
        command.args([
            "diff-tree",
            "-r",
            "-z",
            "--root",
            "--no-commit-id",
            "--name-only",
            "--no-ext-diff",
            "--no-renames",
        ]);
        command.args(["--end-of-options", commit.as_str(), "--"]);
        let names = bytes(&mut command, "list the files of a commit", self.path()).await?;
        let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    /// A file as a commit has it; `None` where it has none.
    ///
    /// # Errors
    /// When git cannot be run.
    pub async fn file(&self, commit: &CommitId, path: &str) -> Result<Option<String>, GitError> {
        let mut command = git(self.path());
        command.args(["cat-file", "blob", &format!("{commit}:{path}")]);
        match output(&mut command, "read a file", self.path()).await {
            Ok(text) => Ok(Some(text)),
            Err(GitError::Failed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a commit is an ancestor of another one.
    ///
    /// # Errors
    /// When git cannot be run.
    pub async fn is_ancestor(&self, ancestor: &CommitId, commit: &CommitId) -> Result<bool, GitError> {
        Ok(self.merge_base(ancestor, commit).await?.as_ref() == Some(ancestor))
    }

    /// Whether a release has a commit: a tag `v6.1`, `v6.1.5`, `v6.2-rc1` or `next-20261130` contains it.
    ///
    /// # Errors
    /// When there is no such commit.
    pub async fn is_released(&self, commit: &CommitId) -> Result<bool, GitError> {
        let mut command = git(self.path());
        command.args(["tag", "--list", "--contains", commit.as_str()]).args(RELEASES);
        Ok(!output(&mut command, "look for releases", self.path()).await?.trim().is_empty())
    }
}
