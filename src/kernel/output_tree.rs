//! The folders in which the kernels of one source and architecture are compiled, one for each configuration.

use super::KernelError;
use super::cache::{Cache, digest_of};
use super::command::Job;
use super::progress::{Progress, Stage, Update};
use arch::Arch;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Maximum number of configurations of one source and architecture whose output trees are kept, of 70 to 170 MB each: a search
/// for an option goes through dozens.
const MAX_TREES: usize = 4;

/// Changes with every build in the tree.
const USED: &str = "lab.used";

/// The output trees of one source and architecture.
pub(super) struct OutputTrees<'a> {
    pub cache: &'a Cache,
    /// Name of the source tree.
    pub source: &'a str,
    pub arch: Arch,
}

impl OutputTrees<'_> {
    /// Name of the lock that a build holds: these trees are compiled from one tree of patched files.
    pub fn lock(&self) -> String {
        format!("objects-{}", self.prefix())
    }

    fn prefix(&self) -> String {
        format!("{}-{}", self.source, self.arch.name)
    }

    /// The tree of a configuration; the caller holds the lock. A new one begins as a copy of the one used last: what the
    /// configurations have in common is compiled already. The least recently used one gives way.
    ///
    /// # Errors
    /// When a file cannot be written, or the caller cancels.
    pub fn open(&self, config: &str, progress: &dyn Progress) -> Result<PathBuf, KernelError> {
        let name = format!("objects/{}-{}", self.prefix(), digest_of([config]).short());
        let path = self.cache.path(&name);
        if !path.is_dir() {
            let others = self.by_last_use()?;
            if let Some(latest) = others.first() {
                self.copy(latest, &name, progress)?;
            }
            for old in others.iter().skip(MAX_TREES - 1) {
                fs::remove_dir_all(old).map_err(KernelError::io("remove", old))?;
            }
        }
        let path = self.cache.folder(&name)?;
        fs::write(path.join(USED), "").map_err(KernelError::io("write", &path))?;
        Ok(path)
    }

    /// The trees, the one used last first.
    fn by_last_use(&self) -> Result<Vec<PathBuf>, KernelError> {
        let (objects, prefix) = (self.cache.folder("objects")?, format!("{}-", self.prefix()));
        let entries = fs::read_dir(&objects).map_err(KernelError::io("list", &objects))?;
        let mut trees: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in entries {
            let entry = entry.map_err(KernelError::io("list", &objects))?;
            let (name, path) = (entry.file_name(), entry.path());
            // `riscv64-nommu` begins with `riscv64`.
            let digest = name.to_str().and_then(|name| name.strip_prefix(&prefix));
            if digest.is_some_and(is_digest) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let used = fs::metadata(path.join(USED)).and_then(|used| used.modified());
                trees.push((used.unwrap_or(SystemTime::UNIX_EPOCH), path));
            }
        }
        trees.sort_by(|a, b| b.cmp(a));
        Ok(trees.into_iter().map(|(_, path)| path).collect())
    }

    /// Copies a tree with the times of its files, by which make knows what is compiled.
    fn copy(&self, from: &Path, name: &str, progress: &dyn Progress) -> Result<(), KernelError> {
        let scratch = self.cache.scratch(name)?;
        let message = format!("objects of {}", self.prefix());
        progress.update(Update { stage: Stage::Configure, done: 0, total: None, message: &message });
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--reflink=auto", "--"]).arg(from.join(".")).arg(scratch.path());
        let log = self.cache.log(&format!("copy-{}", self.prefix()))?;
        Job { what: format!("copy {}", from.display()), command: copy, log, progress }.run(|_| 0)?;
        scratch.install()?;
        Ok(())
    }
}

/// Whether this may be the short form of a digest.
fn is_digest(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::super::NullProgress;
    use super::*;

    fn with_trees(test: impl FnOnce(&OutputTrees<'_>)) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().to_owned());
        test(&OutputTrees { cache: &cache, source: "6.1", arch: arch::find("riscv64").unwrap() });
    }

    fn use_at(tree: &Path, seconds: u64) {
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        fs::File::options().write(true).open(tree.join(USED)).unwrap().set_modified(at).unwrap();
    }

    #[test]
    fn new_tree_begins_as_a_copy_with_its_times() {
        with_trees(|trees| {
            let one = trees.open("A=y", &NullProgress).unwrap();
            fs::write(one.join("a.o"), "compiled").unwrap();
            let time = |tree: &Path| fs::metadata(tree.join("a.o")).unwrap().modified().unwrap();
            let two = trees.open("B=y", &NullProgress).unwrap();
            assert_ne!(one, two);
            assert_eq!((fs::read(two.join("a.o")).unwrap(), time(&two)), (b"compiled".to_vec(), time(&one)));
            fs::write(two.join("a.o"), "again").unwrap();
            assert_eq!(fs::read(trees.open("A=y", &NullProgress).unwrap().join("a.o")).unwrap(), b"compiled");
        });
    }

    #[test]
    fn least_recently_used_tree_gives_way() {
        with_trees(|trees| {
            let nommu = OutputTrees { arch: arch::find("riscv64-nommu").unwrap(), ..*trees };
            let other = nommu.open("A=y", &NullProgress).unwrap();
            let mut opened = Vec::new();
            for number in 0..MAX_TREES as u64 {
                let tree = trees.open(&format!("N={number}"), &NullProgress).unwrap();
                use_at(&tree, 100 + number);
                opened.push(tree);
            }
            use_at(&trees.open("N=0", &NullProgress).unwrap(), 200);
            trees.open("N=99", &NullProgress).unwrap();
            let left: Vec<bool> = opened.iter().map(|tree| tree.is_dir()).collect();
            assert_eq!(left, [true, false, true, true]);
            assert!(other.is_dir(), "of another architecture");
        });
    }
}
