//! The present state of a user's folder as a commit: uncommitted changes and new files included.

use super::command::{GitError, bytes, git, output};
use super::commit::CommitId;
use super::hardened::in_repository;
use super::worktree::Worktree;
use crate::store::read_regular;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Untracked files that are larger are no source: disk images, core dumps. In bytes.
const MAX_UNTRACKED: u64 = 16 << 20;
/// Maximum length of the user's `info/exclude` in bytes.
const MAX_EXCLUDE: u64 = 1 << 20;

/// The index, the list of new files, and what they are not, in the worktree's own repository.
const INDEX: &str = "snapshot-index";
const ADDED: &str = "snapshot-added";
const BUILT: &str = "snapshot-built";

/// What a build of Linux leaves in its tree, for folders without a repository. The `.gitignore` of an unpacked source package
/// may be for the repository that the package was made in: Debian's ignores everything but `debian/`.
const BUILT_FILES: &str = "\
.*.cmd
.*.d
.tmp_*
.config*
.version
*.a
*.ko
*.mod
*.mod.c
*.o
*.so
*.so.dbg
*.order
Module.symvers
System.map
modules.builtin*
vmlinux
vmlinux.*
!vmlinux.lds.S
/include/config/
/include/generated/
/arch/*/include/generated/
";

/// A commit's author and time: the same state is the same commit.
const IDENTITY: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "oomlab"),
    ("GIT_AUTHOR_EMAIL", "oomlab@localhost"),
    ("GIT_AUTHOR_DATE", "@0 +0000"),
    ("GIT_COMMITTER_NAME", "oomlab"),
    ("GIT_COMMITTER_EMAIL", "oomlab@localhost"),
    ("GIT_COMMITTER_DATE", "@0 +0000"),
];

/// A state of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// A commit without parents, in the worktree's own repository.
    pub commit: CommitId,
    /// Hash of its tree: two commits with the same files have the same one.
    pub tree: String,
}

impl Worktree {
    /// Commits the state of `folder` to this worktree's own repository. The folder is only read, and the configuration of a
    /// repository in it is not obeyed. Files that a repository ignores are left out, and so is what a build leaves in a folder
    /// without one.
    ///
    /// # Errors
    /// When git fails, or a file cannot be read.
    pub async fn snapshot(&self, folder: &Path) -> Result<Snapshot, GitError> {
        let index = self.repository().join(INDEX);
        let is_repository = self.take_over(folder, &index).await?;
        let run = |arguments: &[&str]| {
            let mut command: Command = in_repository(folder).into();
            command.arg("--git-dir").arg(self.repository()).arg("--work-tree").arg(folder);
            // Objects are read once.
            command.args(["-c", "core.compression=1", "-c", "core.fsync=none"]).args(arguments);
            command.env("GIT_INDEX_FILE", &index).env("GIT_LITERAL_PATHSPECS", "1").envs(IDENTITY);
            command
        };
        bytes(&mut run(&["add", "--update"]), "read the changed files", folder).await?;
        let built = self.repository().join(BUILT);
        write(&built, BUILT_FILES.as_bytes())?;
        let mut list = run(&["ls-files", "-z", "--others"]);
        match is_repository {
            true => list.arg("--exclude-standard"),
            false => list.arg("--exclude-from").arg(built),
        };
        let listed = bytes(&mut list, "list the new files", folder).await?;
        let added = self.repository().join(ADDED);
        std::fs::write(&added, sources(folder, &listed)).map_err(failed(&added))?;
        let mut add = run(&["add", "--force", "--pathspec-file-nul"]);
        let mut from = OsString::from("--pathspec-from-file=");
        from.push(&added);
        bytes(add.arg(from), "read the new files", folder).await?;
        let tree = output(&mut run(&["write-tree"]), "write a tree", folder).await?.trim().to_owned();
        let message = format!("the state of {}", folder.display());
        let commit = output(&mut run(&["commit-tree", &tree, "-m", &message]), "write a commit", folder).await?;
        Ok(Snapshot { commit: CommitId::new(commit.trim()), tree })
    }

    /// Takes over what the folder's repository, if it has one, knows of its files: their hashes, which need not be computed
    /// again, and which ones are ignored. Says whether there is one.
    async fn take_over(&self, folder: &Path, index: &Path) -> Result<bool, GitError> {
        if !is_top(folder).await {
            return Ok(false);
        }
        let their_index = &path_in_repository(folder, "index").await?;
        let their_exclude = &path_in_repository(folder, "info/exclude").await?;
        let exclude = self.repository().join("info/exclude");
        match read_regular(their_exclude, MAX_EXCLUDE) {
            Ok(text) => write(&exclude, &text)?,
            Err(error) if error.kind() == ErrorKind::NotFound => write(&exclude, b"")?,
            Err(source) => return Err(failed(their_exclude)(source)),
        }
        let changed = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified()).ok();
        if let Some(theirs) = changed(their_index)
            && changed(index).is_none_or(|ours| ours < theirs)
        {
            std::fs::copy(their_index, index).map_err(failed(their_index))?;
            // An entry as young as its index is compared by content (git, Documentation/technical/racy-git.txt).
            File::options()
                .write(true)
                .open(index)
                .and_then(|file| file.set_modified(theirs))
                .map_err(failed(index))?;
        }
        Ok(true)
    }
}

/// Whether a folder is the top of a repository's worktree.
async fn is_top(folder: &Path) -> bool {
    let found = bytes(git(folder).args(["rev-parse", "--show-toplevel"]), "find a repository", folder).await;
    let top = found.ok().and_then(|line| path_of(&line).canonicalize().ok());
    top.is_some() && top == folder.canonicalize().ok()
}

/// The path of a file of the folder's repository.
async fn path_in_repository(folder: &Path, name: &str) -> Result<PathBuf, GitError> {
    let mut command = git(folder);
    command.args(["rev-parse", "--path-format=absolute", "--git-path", name]);
    Ok(path_of(&bytes(&mut command, "find its files", folder).await?))
}

/// The path that git prints, with a line feed.
fn path_of(line: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(line.strip_suffix(b"\n").unwrap_or(line).to_vec()))
}

/// Those of the listed files that may be sources. A repository in the folder is listed with a slash.
fn sources(folder: &Path, listed: &[u8]) -> Vec<u8> {
    let is_source = |name: &&[u8]| {
        let path = folder.join(std::ffi::OsStr::from_bytes(name));
        !name.is_empty()
            && !name.ends_with(b"/")
            && path.symlink_metadata().is_ok_and(|found| !found.is_file() || found.len() <= MAX_UNTRACKED)
    };
    listed.split(|&byte| byte == 0).filter(is_source).flat_map(|name| [name, b"\0"].concat()).collect()
}

fn write(path: &Path, content: &[u8]) -> Result<(), GitError> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent).and_then(|()| std::fs::write(path, content)).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> GitError {
    move |source| GitError::Folder { dir: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::super::{Origin, Repository};
    use super::*;
    use std::rc::Rc;

    struct Setup(tempfile::TempDir);

    impl Setup {
        fn new() -> Self {
            let setup = Self(tempfile::tempdir().unwrap());
            setup.write("mm/oom.c", "committed\n");
            setup.write(".gitignore", "*.o\n");
            setup
        }

        fn folder(&self) -> PathBuf {
            self.0.path().join("linux")
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.folder().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        async fn git(&self, arguments: &[&str]) -> String {
            let mut command = git(&self.folder());
            command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(arguments);
            output(&mut command, "set up", &self.folder()).await.unwrap()
        }

        async fn commit(&self) {
            self.git(&["init", "--quiet"]).await;
            self.git(&["add", "."]).await;
            self.git(&["commit", "--quiet", "--message", "one"]).await;
        }

        /// The worktree beside the folder, with the folder's state.
        async fn worktree(&self) -> Worktree {
            let origin = match Repository::open(&self.folder()).await {
                Ok(repository) => Origin::of(&repository).await.unwrap(),
                Err(_) => Origin::none(),
            };
            Worktree::open(Rc::new(origin), self.0.path().join("tree")).await.unwrap()
        }

        async fn snapshot(&self) -> (Snapshot, Worktree) {
            let mut tree = self.worktree().await;
            let snapshot = tree.snapshot(&self.folder()).await.unwrap();
            tree.check_out(&snapshot.commit).await.unwrap();
            (snapshot, tree)
        }
    }

    fn read(tree: &Worktree, name: &str) -> Option<String> {
        std::fs::read_to_string(tree.path().join(name)).ok()
    }

    #[tokio::test]
    async fn uncommitted_changes_are_in_the_snapshot() {
        let setup = Setup::new();
        setup.commit().await;
        let (clean, _) = setup.snapshot().await;
        assert_eq!(clean.tree, setup.git(&["rev-parse", "HEAD^{tree}"]).await.trim());
        setup.write("mm/oom.c", "changed..\n");
        setup.write("mm/new.c", "new\n");
        setup.write("mm/built.o", "object");
        let before = (setup.git(&["status", "--porcelain"]).await, setup.git(&["ls-files", "-s"]).await);
        let (dirty, tree) = setup.snapshot().await;
        assert_ne!(dirty.tree, clean.tree);
        assert_eq!(read(&tree, "mm/oom.c").as_deref(), Some("changed..\n"));
        assert_eq!((read(&tree, "mm/new.c").as_deref(), read(&tree, "mm/built.o")), (Some("new\n"), None));
        assert_eq!(before, (setup.git(&["status", "--porcelain"]).await, setup.git(&["ls-files", "-s"]).await));
        setup.write("mm/oom.c", "committed\n");
        std::fs::remove_file(setup.folder().join("mm/new.c")).unwrap();
        let (again, tree) = setup.snapshot().await;
        assert_eq!((again, read(&tree, "mm/new.c")), (clean, None));
    }

    /// A change right after the index was written has the same time stamp.
    #[tokio::test]
    async fn each_of_many_quick_changes_is_seen() {
        let setup = Setup::new();
        setup.commit().await;
        let mut trees = std::collections::BTreeSet::new();
        for number in 10..30 {
            setup.write("mm/oom.c", &format!("change {number}\n"));
            trees.insert(setup.worktree().await.snapshot(&setup.folder()).await.unwrap().tree);
        }
        assert_eq!(trees.len(), 20);
    }

    #[tokio::test]
    async fn folder_without_a_repository_has_snapshots_too() {
        let setup = Setup::new();
        setup.write("mm/built.o", "object");
        setup.write("include/generated/autoconf.h", "built");
        // As in Debian's source packages.
        setup.write(".gitignore", "/*\n!/debian/\n");
        let (one, tree) = setup.snapshot().await;
        assert_eq!((read(&tree, "mm/oom.c").as_deref(), read(&tree, "mm/built.o")), (Some("committed\n"), None));
        assert!(!tree.path().join("include").exists());
        setup.write("mm/oom.c", "changed\n");
        let (two, tree) = setup.snapshot().await;
        assert_eq!(read(&tree, "mm/oom.c").as_deref(), Some("changed\n"));
        assert_ne!(one, two);
        assert!(!setup.folder().join(".git").exists());
    }

    #[tokio::test]
    async fn large_new_files_and_other_repositories_are_left_out() {
        let setup = Setup::new();
        setup.commit().await;
        let image = File::create(setup.folder().join("disk.img")).unwrap();
        image.set_len(MAX_UNTRACKED + 1).unwrap();
        setup.write("other/file", "x");
        output(git(&setup.folder().join("other")).args(["init", "--quiet"]), "set up", &setup.folder()).await.unwrap();
        setup.write(".git/info/exclude", "build/\n");
        setup.write("build/main.c", "x");
        let (snapshot, _) = setup.snapshot().await;
        assert_eq!(snapshot.tree, setup.git(&["rev-parse", "HEAD^{tree}"]).await.trim());
    }

    #[tokio::test]
    async fn filters_of_the_repository_do_not_run() {
        let setup = Setup::new();
        setup.write(".gitattributes", "*.c filter=mine\n");
        setup.commit().await;
        let touched = setup.0.path().join("touched");
        setup.git(&["config", "filter.mine.clean", &format!("touch {}; cat", touched.display())]).await;
        setup.write("mm/oom.c", "changed\n");
        setup.snapshot().await;
        assert!(!touched.exists());
    }
}
