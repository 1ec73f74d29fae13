//! Source trees in the cache: unpacked from a package, or checked out of a repository.

use super::KernelError;
use super::cache::{Cache, Lock, digest_of};
use super::command::{Job, output_of};
use super::debian::{decompress, open_package, path_of};
use super::progress::{Progress, Stage, Update};
use crate::git::{in_own_folder, in_repository, remove_stale_locks};
use crate::host::{RunError, SpawnError};
use model::Digest;
use std::fs;
use std::io::{self, BufReader};
use std::path::{Component, Path, PathBuf};

/// A source tree, ready to be built.
#[derive(Debug)]
pub(super) struct Tree {
    /// Its path.
    pub path: PathBuf,
    /// Digest of its origin.
    pub digest: Digest,
    /// Name for output trees: the same for trees that a build can be continued on.
    pub name: String,
    /// Keeps other processes from checking out another revision.
    pub _lock: Option<Lock>,
}

/// Parts of a kernel's source that the lab's configurations do not use: half of its files and two thirds of its
/// bytes. Their makefiles and Kconfig files stay: the configuration needs them.
const UNUSED: &[&str] = &[
    "Documentation",
    "samples",
    "sound",
    "tools/perf",
    "tools/testing",
    "drivers/gpu/drm",
    "drivers/media",
    "drivers/net/ethernet",
    "drivers/net/wireless",
    "drivers/staging",
    "drivers/infiniband",
    "arch/alpha",
    "arch/arc",
    "arch/csky",
    "arch/hexagon",
    "arch/ia64",
    "arch/loongarch",
    "arch/m68k",
    "arch/microblaze",
    "arch/mips",
    "arch/nds32",
    "arch/nios2",
    "arch/openrisc",
    "arch/parisc",
    "arch/powerpc",
    "arch/s390",
    "arch/sh",
    "arch/sparc",
    "arch/um",
    "arch/xtensa",
    "arch/arm/boot/dts",
    "arch/arm64/boot/dts",
    "arch/riscv/boot/dts",
];

fn is_unused(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kept = ["Kconfig", "Makefile", "Kbuild", "Platform"].iter().any(|kept| name.starts_with(kept));
    !kept && UNUSED.iter().any(|unused| path.starts_with(unused))
}

/// Unpacks a `linux-source-*` package, unless it is unpacked already.
pub(super) fn unpack(
    cache: &Cache,
    package: &Path,
    digest: Digest,
    progress: &dyn Progress,
) -> Result<Tree, KernelError> {
    let name = format!("sources/{digest}");
    let tree = Tree { path: cache.path(&name), name: digest.short().to_owned(), digest, _lock: None };
    let _lock = cache.lock(&format!("source-{}", tree.digest), progress)?;
    if tree.path.is_dir() {
        return Ok(tree);
    }
    let scratch = cache.scratch(&name)?;
    let total = fs::metadata(package).map_err(KernelError::io("read", package))?.len();
    let message = package.file_stem().unwrap_or_default().to_string_lossy();
    let report = |done| {
        progress.update(Update { stage: Stage::Unpack, done, total: Some(total), message: &message });
        if progress.cancelled() { Err(io::Error::other("interrupted")) } else { Ok(()) }
    };
    let damaged = |error: io::Error| KernelError::Damaged { path: package.to_owned(), message: error.to_string() };
    let unpacked = open_package(package, report, |files| {
        for entry in files.entries().map_err(damaged)? {
            let entry = entry.map_err(damaged)?;
            let path = path_of(&entry).map_err(damaged)?;
            if let Some(suffix) = source_suffix(&path) {
                let plain = decompress(suffix, BufReader::with_capacity(1 << 20, entry)).map_err(damaged)?;
                return unpack_tree(plain, scratch.path(), package);
            }
        }
        Err(damaged(io::Error::other("it has no source tree")))
    });
    if progress.cancelled() {
        return Err(KernelError::Cancelled);
    }
    unpacked?;
    scratch.install()?;
    Ok(tree)
}

/// `.xz` of `usr/src/linux-source-6.1.tar.xz`; the package also has patches beside it.
fn source_suffix(path: &Path) -> Option<&str> {
    let name = path.strip_prefix("usr/src").ok()?.to_str()?;
    name.strip_prefix("linux-source-")?.split_once(".tar").map(|(_, suffix)| suffix)
}

fn unpack_tree(plain: impl io::Read, to: &Path, package: &Path) -> Result<(), KernelError> {
    let damaged = |error: io::Error| KernelError::Damaged { path: package.to_owned(), message: error.to_string() };
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, plain));
    let mut parent = PathBuf::new();
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path: PathBuf = path_of(&entry).map_err(damaged)?.components().skip(1).collect();
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || is_unused(&path) || entry.header().entry_type().is_dir() {
            continue;
        }
        let target = to.join(&path);
        if target.parent() != Some(&parent) {
            parent = target.parent().map(Path::to_owned).unwrap_or_default();
            fs::create_dir_all(&parent).map_err(KernelError::io("create", &parent))?;
        }
        entry.unpack(&target).map_err(KernelError::io("unpack", &target))?;
    }
    Ok(())
}

/// The commit of a revision, or the revision itself of a repository on another machine.
pub(super) fn identity(repository: &str, revision: &str) -> Result<String, KernelError> {
    let path = Path::new(repository);
    if !path.is_dir() {
        return Ok(format!("{repository} {revision}"));
    }
    commit(path, revision)
}

/// The commit that a revision of a repository on this machine is.
pub(super) fn commit_of(repository: &str, revision: &str) -> Option<String> {
    let path = Path::new(repository);
    path.is_dir().then(|| commit(path, revision).ok()).flatten()
}

fn commit(repository: &Path, revision: &str) -> Result<String, KernelError> {
    let mut git = in_repository(repository);
    git.args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
    git.arg(format!("{revision}^{{commit}}"));
    let output = output_of(git).map_err(|error| {
        let missing = matches!(error, RunError::Spawn(SpawnError::Missing { .. }));
        let reason = if missing { "git is missing" } else { "no such revision" };
        KernelError::Fetch { what: format!("find `{revision}` in {}", repository.display()), message: reason.into() }
    })?;
    Ok(output.trim().to_owned())
}

/// Checks a revision out into a tree in the cache; the user's checkout is only read.
///
/// There is one tree for a repository, so that going from one revision to the next rebuilds only what differs.
pub(super) fn check_out(
    cache: &Cache,
    repository: &str,
    revision: &str,
    progress: &dyn Progress,
) -> Result<Tree, KernelError> {
    let name = format!("git-{}", digest_of([repository]).short());
    let path = cache.folder(format!("sources/{name}"))?;
    let _lock = Some(cache.lock(&name, progress)?);
    // The lock of the cache excludes any other git in this repository.
    remove_stale_locks(&path.join(".git"));
    let wanted = if Path::new(repository).is_dir() { commit(repository.as_ref(), revision)? } else { revision.into() };
    let log = cache.log(&name)?;
    let run = |what: &str, arguments: &[&str]| {
        progress.update(Update { stage: Stage::Download, done: 0, total: None, message: repository });
        let mut command = in_own_folder(&path);
        command.args(arguments);
        let what = format!("{what} {revision} of {repository}");
        Job { what, command, log: log.clone(), progress }.run(|_| 0)
    };
    run("prepare a tree for", &["init", "--quiet"])?;
    run("fetch", &["fetch", "--progress", "--no-tags", "--depth=1", "--end-of-options", repository, &wanted])?;
    run("check out", &["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"])?;
    let digest = digest_of([commit(&path, "HEAD")?.as_str()]);
    Ok(Tree { path, digest, name, _lock })
}

#[cfg(test)]
mod tests {
    use super::super::NullProgress;
    use super::super::debian::samples::{compress, package, tar};
    use super::*;
    use std::process::Command;

    fn setup() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().join("cache"));
        (dir, cache)
    }

    #[test]
    fn source_package_is_unpacked_once_without_unused_parts() {
        let (dir, cache) = setup();
        let source = tar(&[
            ("linux-source-6.1/mm/nommu.c", b"exit_mmap"),
            ("linux-source-6.1/sound/core/init.c", b"noise"),
            ("linux-source-6.1/sound/Kconfig", b"menu"),
            ("linux-source-6.1/arch/riscv/boot/dts/x.dts", b"tree"),
        ]);
        let source = compress(".xz", &source);
        let files =
            [("usr/src/linux-patch-6.1-rt.patch.xz", &b"patch"[..]), ("usr/src/linux-source-6.1.tar.xz", &source)];
        let deb = package(dir.path(), ".xz", &files);
        let digest = digest_of(["deb"]);
        let tree = unpack(&cache, &deb, digest.clone(), &NullProgress).unwrap();
        assert_eq!(fs::read(tree.path.join("mm/nommu.c")).unwrap(), b"exit_mmap");
        assert!(tree.path.join("sound/Kconfig").is_file());
        assert!(!tree.path.join("sound/core").exists() && !tree.path.join("arch").exists());
        fs::remove_file(&deb).unwrap();
        assert_eq!(unpack(&cache, &deb, digest, &NullProgress).unwrap().path, tree.path);
    }

    #[test]
    fn truncated_source_leaves_no_tree() {
        let (dir, cache) = setup();
        let noise: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let source = compress(".xz", &tar(&[("linux-source-6.1/mm/nommu.c", &noise), ("linux-source-6.1/z", b"z")]));
        let half = &source[..source.len() / 2];
        let deb = package(dir.path(), "", &[("usr/src/linux-source-6.1.tar.xz", half)]);
        assert!(unpack(&cache, &deb, digest_of(["deb"]), &NullProgress).is_err());
        assert_eq!(fs::read_dir(cache.path("sources")).unwrap().count(), 0);
        let deb = package(dir.path(), ".xz", &[("usr/share/doc/x", b"x")]);
        let message = unpack(&cache, &deb, digest_of(["deb"]), &NullProgress).unwrap_err().to_string();
        assert!(message.ends_with("it has no source tree"), "{message}");
    }

    #[test]
    fn revisions_are_checked_out_beside_the_users_tree() {
        let (dir, cache) = setup();
        let repository = dir.path().join("linux");
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]);
            git.arg("-C").arg(dir.path().join("linux")).args(arguments);
            output_of(git).unwrap()
        };
        fs::create_dir(&repository).unwrap();
        git(&["init", "--quiet"]);
        for (text, tag) in [("old", "v1"), ("new", "v2")] {
            fs::write(repository.join("Makefile"), text).unwrap();
            git(&["add", "Makefile"]);
            git(&["commit", "--quiet", "-m", text]);
            git(&["tag", tag]);
        }
        fs::write(repository.join("Makefile"), "not committed").unwrap();
        let path = repository.to_str().unwrap();
        let check_out_to_read = |revision| {
            let tree = check_out(&cache, path, revision, &NullProgress).unwrap();
            (fs::read_to_string(tree.path.join("Makefile")).unwrap(), Tree { _lock: None, ..tree })
        };
        let (text, new) = check_out_to_read("v2");
        assert_eq!(text, "new");
        let (text, old) = check_out_to_read("v2~1");
        assert_eq!(text, "old");
        assert_eq!((&old.path, &old.name), (&new.path, &new.name));
        assert_ne!(old.digest, new.digest);
        assert_eq!(fs::read(repository.join("Makefile")).unwrap(), b"not committed");
        assert_eq!(git(&["status", "--porcelain"]), " M Makefile\n");
        assert_eq!(identity(path, "v2~1").unwrap(), identity(path, "v1").unwrap());
        let message = check_out(&cache, path, "v3", &NullProgress).unwrap_err().to_string();
        assert!(message.contains("find `v3` in") && message.ends_with("no such revision"), "{message}");
        let nowhere = format!("file://{}", dir.path().join("nowhere").display());
        let message = check_out(&cache, &nowhere, "v1", &NullProgress).unwrap_err().to_string();
        assert!(message.starts_with(&format!("failed to fetch v1 of {nowhere}")), "{message}");
    }

    #[test]
    fn checkout_survives_the_locks_of_a_killed_git() {
        let (dir, cache) = setup();
        let repository = dir.path().join("repository");
        fs::create_dir(&repository).unwrap();
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-C"];
            let mut command = Command::new("git");
            command.args(identity).arg(&repository).args(arguments);
            output_of(command).unwrap()
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["commit", "--quiet", "--allow-empty", "--message", "one"]);
        let check_out = || check_out(&cache, repository.to_str().unwrap(), "main", &NullProgress);
        let path = check_out().unwrap().path;
        for lock in ["index.lock", "config.lock", "shallow.lock"] {
            fs::write(path.join(".git").join(lock), "").unwrap();
        }
        assert!(check_out().is_ok());
    }
}
