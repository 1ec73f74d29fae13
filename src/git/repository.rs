//! A repository of the user's.

use super::command::{GitError, git, output};
use super::commit::{Commit, CommitId};
use std::path::{Path, PathBuf};

/// A repository of the user's, which is only read.
#[derive(Debug, Clone)]
pub struct Repository {
    dir: PathBuf,
}

impl Repository {
    /// The repository that `dir` lies in; a bare one, too.
    ///
    /// # Errors
    /// When there is none, or git is missing.
    pub async fn open(dir: &Path) -> Result<Self, GitError> {
        let wrong = |error: std::io::Error| GitError::Wrong(format!("cannot use {}: {error}", dir.display()));
        let dir = std::fs::canonicalize(dir).map_err(wrong)?;
        let found = output(git(&dir).args(["rev-parse", "--git-dir"]), "find a repository", &dir).await;
        found.map_err(|error| match error {
            GitError::Failed { said, .. } if said.contains("not a git repository") => {
                GitError::Wrong(format!("{} is not in a git repository: name one with `--repo`", dir.display()))
            }
            other => other,
        })?;
        Ok(Self { dir })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The commit that a user's words name: a tag, a branch, part of a commit's name.
    ///
    /// # Errors
    /// When they name none.
    pub async fn resolve(&self, words: &str) -> Result<CommitId, GitError> {
        let spec = format!("{words}^{{commit}}");
        let mut command = git(&self.dir);
        command.args(["rev-parse", "--verify", "--quiet", "--end-of-options", &spec]);
        match output(&mut command, "resolve a revision", &self.dir).await {
            Ok(name) => Ok(CommitId::new(name.trim())),
            Err(GitError::Failed { .. }) => {
                let dir = self.dir.display();
                let shallow =
                    if self.is_shallow().await { ", which is a shallow clone: `git fetch --unshallow`" } else { "" };
                Err(GitError::Wrong(format!("`{words}` names no commit of {dir}{shallow}")))
            }
            Err(other) => Err(other),
        }
    }

    /// Whether its history was cut off when it was cloned.
    pub async fn is_shallow(&self) -> bool {
        let asked = output(git(&self.dir).args(["rev-parse", "--is-shallow-repository"]), "look at", &self.dir).await;
        asked.is_ok_and(|answer| answer.trim() == "true")
    }

    /// Where two commits' histories part: the best common ancestor, if there is one.
    ///
    /// # Errors
    /// When git fails.
    pub async fn merge_base(&self, one: &CommitId, other: &CommitId) -> Result<Option<CommitId>, GitError> {
        match output(git(&self.dir).args(["merge-base", one.as_str(), other.as_str()]), "find a merge base", &self.dir)
            .await
        {
            Ok(name) => Ok(Some(CommitId::new(name.trim()))),
            // It says nothing where there is none.
            Err(GitError::Failed { said, .. }) if said.starts_with("exit status") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The commits that `bad` has and none of `good` has, parents first.
    ///
    /// # Errors
    /// When git fails.
    pub async fn between(&self, good: &[CommitId], bad: &CommitId) -> Result<Vec<Commit>, GitError> {
        let mut command = git(&self.dir);
        command.args([
            "log",
            "--topo-order",
            "--reverse",
            "--no-show-signature",
            Commit::FORMAT,
            bad.as_str(),
            "--not",
        ]);
        command.args(good.iter().map(CommitId::as_str)).arg("--");
        self.commits(command).await
    }

    /// One commit.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn commit(&self, id: &CommitId) -> Result<Commit, GitError> {
        let mut command = git(&self.dir);
        command.args(["log", "-1", "--no-show-signature", Commit::FORMAT, id.as_str(), "--"]);
        let found = self.commits(command).await?.into_iter().next();
        found.ok_or_else(|| GitError::failed("read a commit", &self.dir, id.as_str()))
    }

    async fn commits(&self, mut command: tokio::process::Command) -> Result<Vec<Commit>, GitError> {
        let text = output(&mut command, "read the history", &self.dir).await?;
        let commit = |line: &str| {
            Commit::parse(line).ok_or_else(|| GitError::failed("list commits", &self.dir, format!("it said `{line}`")))
        };
        text.lines().map(commit).collect()
    }
}
