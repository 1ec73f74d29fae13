//! Source trees that git knows: commits of a repository, and a user's folder as it is.
//!
//! All of a folder's revisions are checked out to one tree, so that going from one to the next rebuilds only what differs.

use super::super::KernelError;
use super::super::cache::{Cache, MAKING, digest_of};
use super::super::command::Job;
use super::super::progress::{Progress, Stage, Update};
use super::Tree;
use crate::git::{CommitId, GitError, Origin, Repository, Snapshot, Worktree, in_own_folder, remove_stale_locks};
use crate::host::run_blocking;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// How often cancellation is checked while git runs.
const TICK: Duration = Duration::from_millis(100);

/// The files of a kernel's source, as far as they are known without the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Revision {
    /// A commit of a repository on this machine, or the present state of a folder.
    Local {
        folder: PathBuf,
        /// In the folder's repository, or in that of its checkout.
        commit: CommitId,
        /// Hash of its tree.
        tree: String,
        /// The commit for records; that of a folder with changes ends in `-dirty`.
        shown: Option<String>,
    },
    /// A revision of a repository on another machine.
    Remote { url: String, revision: String },
}

impl Revision {
    /// A revision of a repository: anything that `git rev-parse` takes.
    pub fn of_repository(repository: &str, revision: &str) -> Result<Self, KernelError> {
        let folder = Path::new(repository);
        if !folder.is_dir() {
            return Ok(Self::Remote { url: repository.to_owned(), revision: revision.to_owned() });
        }
        wait(|| async {
            let opened = Repository::open(folder).await?;
            let commit = opened.resolve(revision).await?;
            let (tree, shown) = (opened.tree(&commit).await?, Some(commit.as_str().to_owned()));
            Ok(Self::Local { folder: opened.path().to_owned(), commit, tree, shown })
        })
    }

    /// The present state of a folder, which is only read.
    pub fn of_folder(cache: &Cache, folder: &Path, progress: &dyn Progress) -> Result<Self, KernelError> {
        let folder = folder.canonicalize().map_err(KernelError::io("read", folder))?;
        let makefile = folder.join("Makefile");
        std::fs::metadata(&makefile).map_err(KernelError::io("read", &makefile))?;
        let _making = cache.share(MAKING, progress)?;
        let _lock = cache.lock(&name(&folder), progress)?;
        report(progress, Stage::Read, &folder);
        let path = place(cache, &folder)?;
        cancellable(progress, || async {
            let head = head(&folder).await?;
            let Snapshot { commit, tree } = worktree(&folder, path).await?.snapshot(&folder).await?;
            let shown = head.map(|(head, clean)| if clean == tree { head } else { format!("{head}-dirty") });
            Ok(Self::Local { folder: folder.clone(), commit, tree, shown })
        })
    }

    /// What distinguishes it from others.
    pub fn identity(&self) -> String {
        match self {
            Self::Local { tree, .. } => format!("tree {tree}"),
            Self::Remote { url, revision } => format!("{url} {revision}"),
        }
    }

    /// The commit, for records.
    pub fn shown(&self) -> Option<&str> {
        match self {
            Self::Local { shown, .. } => shown.as_deref(),
            Self::Remote { .. } => None,
        }
    }

    /// Checks it out to the folder's or repository's tree in the cache. The user's own checkout is only read.
    pub fn check_out(&self, cache: &Cache, progress: &dyn Progress) -> Result<Tree, KernelError> {
        match self {
            Self::Local { folder, commit, tree, .. } => {
                let (name, path) = (name(folder), place(cache, folder)?);
                let _lock = Some(cache.lock(&name, progress)?);
                report(progress, Stage::CheckOut, folder);
                cancellable(progress, || async { worktree(folder, path.clone()).await?.check_out(commit).await })?;
                Ok(Tree { path, digest: digest_of([tree.as_str()]), name, _lock })
            }
            Self::Remote { url, revision } => fetch(cache, url, revision, progress),
        }
    }

    /// A note where this is the commit of a checkout that has changes: they are not built.
    pub fn lacks_changes(&self, cache: &Cache, progress: &dyn Progress) -> Option<String> {
        let Self::Local { folder, commit, tree, .. } = self else { return None };
        let (head, _) = wait(|| head(folder)).ok()??;
        // A revision that is not checked out has nothing to do with the changes.
        if head != commit.as_str() {
            return None;
        }
        let Self::Local { tree: now, .. } = Self::of_folder(cache, folder, progress).ok()? else { return None };
        let (folder, short) = (folder.display(), commit.short());
        (now != *tree).then(|| {
            format!(
                "{folder} has uncommitted changes: commit {short} is built without them; `source: {{tree: {folder}}}` or \
                 `--tree` builds the files as they are"
            )
        })
    }
}

/// The folder's commit and that commit's tree, if the folder is a repository with commits.
async fn head(folder: &Path) -> Result<Option<(String, String)>, GitError> {
    let Ok(repository) = Repository::open(folder).await else { return Ok(None) };
    match repository.resolve("HEAD").await {
        Ok(head) => Ok(Some((head.as_str().to_owned(), repository.tree(&head).await?))),
        Err(GitError::UnknownRevision { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The checkout of a folder's revisions.
async fn worktree(folder: &Path, path: PathBuf) -> Result<Worktree, GitError> {
    let origin = match Repository::open(folder).await {
        Ok(repository) => Origin::of(&repository).await?,
        Err(GitError::NoRepository(_)) => Origin::none(),
        Err(error) => return Err(error),
    };
    Worktree::open(Rc::new(origin), path).await
}

/// Fetches a revision from another machine and checks it out.
fn fetch(cache: &Cache, url: &str, revision: &str, progress: &dyn Progress) -> Result<Tree, KernelError> {
    let name = name(url.as_ref());
    let path = place(cache, url.as_ref())?;
    let _lock = Some(cache.lock(&name, progress)?);
    // The lock of the cache excludes any other git in this repository.
    remove_stale_locks(&path.join(".git"));
    let log = cache.log(&name)?;
    let run = |what: &str, arguments: &[&str]| {
        progress.update(Update { stage: Stage::Download, done: 0, total: None, message: url });
        let mut command = in_own_folder(&path);
        command.args(arguments);
        let what = format!("{what} {revision} of {url}");
        Job { what, command, log: log.clone(), progress }.run(|_| 0)
    };
    run("prepare a tree for", &["init", "--quiet"])?;
    run("fetch", &["fetch", "--progress", "--no-tags", "--depth=1", "--end-of-options", url, revision])?;
    run("check out", &["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"])?;
    let tree = wait(|| async {
        let fetched = Repository::open(&path).await?;
        let commit = fetched.resolve("HEAD").await?;
        fetched.tree(&commit).await
    })?;
    Ok(Tree { path, digest: digest_of([tree.as_str()]), name, _lock })
}

/// Name of the tree to which the revisions of a folder or repository are checked out.
fn name(origin: &Path) -> String {
    format!("git-{}", digest_of([&*origin.to_string_lossy()]).short())
}

fn place(cache: &Cache, origin: &Path) -> Result<PathBuf, KernelError> {
    cache.folder(format!("sources/{}", name(origin)))
}

fn report(progress: &dyn Progress, stage: Stage, folder: &Path) {
    progress.update(Update { stage, done: 0, total: None, message: &folder.to_string_lossy() });
}

fn wait<T: Send, F: Future<Output = Result<T, GitError>>>(start: impl FnOnce() -> F + Send) -> Result<T, KernelError> {
    Ok(run_blocking(start).map_err(KernelError::io("run", "git".as_ref()))??)
}

/// Waits for git, unless the caller cancels.
fn cancellable<T: Send, F: Future<Output = Result<T, GitError>>>(
    progress: &dyn Progress,
    start: impl FnOnce() -> F + Send,
) -> Result<T, KernelError> {
    let cancelled = async || {
        let mut ticks = tokio::time::interval(TICK);
        while !progress.cancelled() {
            ticks.tick().await;
        }
    };
    let either = || async {
        tokio::select! {
            done = start() => Some(done),
            () = cancelled() => None,
        }
    };
    let done = run_blocking(either).map_err(KernelError::io("run", "git".as_ref()))?;
    Ok(done.ok_or(KernelError::Cancelled)??)
}

#[cfg(test)]
mod tests {
    use super::super::super::NullProgress;
    use super::super::super::command::output_of;
    use super::*;
    use std::fs;
    use std::process::Command;

    struct Setup {
        dir: tempfile::TempDir,
        cache: Cache,
    }

    impl Setup {
        /// A repository with the commits v1 and v2.
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let cache = Cache::new(dir.path().join("cache"));
            let setup = Self { dir, cache };
            fs::create_dir(setup.linux()).unwrap();
            setup.git(&["init", "--quiet", "--initial-branch=main"]);
            for (text, tag) in [("old", "v1"), ("new", "v2")] {
                setup.edit(text);
                setup.git(&["add", "Makefile"]);
                setup.git(&["commit", "--quiet", "-m", text]);
                setup.git(&["tag", tag]);
            }
            setup
        }

        fn linux(&self) -> PathBuf {
            self.dir.path().join("linux")
        }

        fn edit(&self, text: &str) {
            fs::write(self.linux().join("Makefile"), text).unwrap();
        }

        fn git(&self, arguments: &[&str]) -> String {
            let mut git = Command::new("git");
            git.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]);
            git.arg("-C").arg(self.linux()).args(arguments);
            output_of(git).unwrap()
        }

        fn revision(&self, revision: &str) -> Result<Revision, KernelError> {
            Revision::of_repository(self.linux().to_str().unwrap(), revision)
        }

        fn folder(&self) -> Revision {
            Revision::of_folder(&self.cache, &self.linux(), &NullProgress).unwrap()
        }

        fn read(&self, revision: &Revision) -> (String, Tree) {
            let tree = revision.check_out(&self.cache, &NullProgress).unwrap();
            (fs::read_to_string(tree.path.join("Makefile")).unwrap(), Tree { _lock: None, ..tree })
        }
    }

    #[test]
    fn revisions_are_checked_out_beside_the_users_tree() {
        let setup = Setup::new();
        setup.edit("not committed");
        let (text, new) = setup.read(&setup.revision("v2").unwrap());
        assert_eq!(text, "new");
        let (text, old) = setup.read(&setup.revision("v2~1").unwrap());
        assert_eq!(text, "old");
        assert_eq!((&old.path, &old.name), (&new.path, &new.name));
        assert_ne!(old.digest, new.digest);
        assert_eq!(fs::read(setup.linux().join("Makefile")).unwrap(), b"not committed");
        assert_eq!(setup.git(&["status", "--porcelain"]), " M Makefile\n");
        assert_eq!(setup.revision("v2~1").unwrap(), setup.revision("v1").unwrap());
        let message = setup.revision("v3").unwrap_err().to_string();
        assert!(message.starts_with("`v3` names no commit of ") && message.ends_with("/linux"), "{message}");
    }

    #[test]
    fn folder_is_built_as_it_is() {
        let setup = Setup::new();
        let commit = setup.revision("v2").unwrap();
        let clean = setup.folder();
        assert_eq!((clean.identity(), clean.shown()), (commit.identity(), commit.shown()));
        assert_eq!(commit.lacks_changes(&setup.cache, &NullProgress), None);
        setup.edit("not committed");
        let dirty = setup.folder();
        assert_ne!(dirty.identity(), clean.identity());
        assert_eq!(dirty.shown(), Some(format!("{}-dirty", commit.shown().unwrap()).as_str()));
        assert_eq!(setup.read(&dirty).0, "not committed");
        assert_eq!(setup.read(&commit).0, "new");
        let note = commit.lacks_changes(&setup.cache, &NullProgress).unwrap();
        assert!(note.contains("/linux has uncommitted changes: commit "), "{note}");
        assert_eq!(setup.revision("v1").unwrap().lacks_changes(&setup.cache, &NullProgress), None);
        setup.edit("new");
        assert_eq!(setup.folder(), clean);
        let none = setup.dir.path().join("cache");
        let message = Revision::of_folder(&setup.cache, &none, &NullProgress).unwrap_err().to_string();
        assert!(message.contains("failed to read") && message.contains("cache/Makefile"), "{message}");
    }

    /// A rebase that changes no file is no other kernel.
    #[test]
    fn commits_with_the_same_tree_are_one() {
        let setup = Setup::new();
        setup.git(&["commit", "--quiet", "--allow-empty", "-m", "same files"]);
        let (one, other) = (setup.revision("v2").unwrap(), setup.revision("HEAD").unwrap());
        assert_eq!(one.identity(), other.identity());
        assert_ne!(one.shown(), other.shown());
    }

    #[test]
    fn other_machine_that_does_not_answer_is_named() {
        let setup = Setup::new();
        let nowhere = format!("file://{}", setup.dir.path().join("nowhere").display());
        let revision = Revision::of_repository(&nowhere, "v1").unwrap();
        let message = revision.check_out(&setup.cache, &NullProgress).unwrap_err().to_string();
        assert!(message.starts_with(&format!("failed to fetch v1 of {nowhere}")), "{message}");
        let url = format!("file://{}", setup.linux().display());
        assert_eq!(setup.read(&Revision::of_repository(&url, "v1").unwrap()).0, "old");
    }

    #[test]
    fn checkout_survives_the_locks_of_a_killed_git() {
        let setup = Setup::new();
        let check_out = || setup.revision("main").unwrap().check_out(&setup.cache, &NullProgress);
        let path = check_out().unwrap().path;
        for lock in ["index.lock", "config.lock", "shallow.lock"] {
            fs::write(path.join(".git").join(lock), "").unwrap();
        }
        assert!(check_out().is_ok());
    }
}
