//! The user's repository.

use super::command::{GitError, git, output};
use super::commit::{Commit, CommitId};
use std::path::{Path, PathBuf};

/// The user's repository, which is only read.
#[derive(Debug, Clone)]
pub struct Repository {
    dir: PathBuf,
}

impl Repository {
    /// The repository that contains `dir`; it may be bare.
    ///
    /// # Errors
    /// When there is none, or git is missing.
    pub async fn open(dir: &Path) -> Result<Self, GitError> {
        let dir = std::fs::canonicalize(dir).map_err(|source| GitError::Folder { dir: dir.to_owned(), source })?;
        let found = output(git(&dir).args(["rev-parse", "--git-dir"]), "find a repository", &dir).await;
        found.map_err(|error| match error {
            GitError::Failed { message, .. } if message.contains("not a git repository") => {
                GitError::NoRepository(dir.clone())
            }
            other => other,
        })?;
        Ok(Self { dir })
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The commit that a revision names: a tag, a branch, an abbreviated hash (gitrevisions(7)).
    ///
    /// # Errors
    /// When it names none.
    pub async fn resolve(&self, revision: &str) -> Result<CommitId, GitError> {
        let spec = format!("{revision}^{{commit}}");
        let mut command = git(&self.dir);
        command.args(["rev-parse", "--verify", "--quiet", "--end-of-options", &spec]);
        match output(&mut command, "resolve a revision", &self.dir).await {
            Ok(hash) => Ok(CommitId::new(hash.trim())),
            Err(GitError::Failed { .. }) => Err(GitError::UnknownRevision {
                revision: revision.to_owned(),
                dir: self.dir.clone(),
                shallow: self.is_shallow().await,
            }),
            Err(other) => Err(other),
        }
    }

    /// Hash of a commit's tree: the same for all commits with the same files.
    ///
    /// # Errors
    /// When there is no such commit.
    pub async fn tree(&self, commit: &CommitId) -> Result<String, GitError> {
        let spec = format!("{commit}^{{tree}}");
        let mut command = git(&self.dir);
        command.args(["rev-parse", "--verify", "--quiet", "--end-of-options", &spec]);
        Ok(output(&mut command, "find the tree of a commit", &self.dir).await?.trim().to_owned())
    }

    /// Whether it is a shallow clone.
    pub async fn is_shallow(&self) -> bool {
        let asked = output(git(&self.dir).args(["rev-parse", "--is-shallow-repository"]), "look at", &self.dir).await;
        asked.is_ok_and(|answer| answer.trim() == "true")
    }

    /// The best common ancestor of two commits, if there is one.
    ///
    /// # Errors
    /// When git fails.
    pub async fn merge_base(&self, one: &CommitId, other: &CommitId) -> Result<Option<CommitId>, GitError> {
        match output(git(&self.dir).args(["merge-base", one.as_str(), other.as_str()]), "find a merge base", &self.dir)
            .await
        {
            Ok(hash) => Ok(Some(CommitId::new(hash.trim()))),
            // git prints nothing where there is none.
            Err(GitError::Failed { message, .. }) if message.starts_with("exit status") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The ancestors of `bad` that are no ancestors of `good`, parents first.
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
    /// When there is none with this hash.
    pub async fn commit(&self, id: &CommitId) -> Result<Commit, GitError> {
        let mut command = git(&self.dir);
        command.args(["log", "-1", "--no-show-signature", Commit::FORMAT, id.as_str(), "--"]);
        let found = self.commits(command).await?.into_iter().next();
        found.ok_or_else(|| GitError::failed("read a commit", &self.dir, id.as_str()))
    }

    async fn commits(&self, mut command: tokio::process::Command) -> Result<Vec<Commit>, GitError> {
        let text = output(&mut command, "read the history", &self.dir).await?;
        let commit = |line: &str| {
            Commit::parse(line)
                .ok_or_else(|| GitError::failed("list commits", &self.dir, format!("unexpected output `{line}`")))
        };
        text.lines().map(commit).collect()
    }
}
