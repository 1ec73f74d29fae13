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

/// Names the configuration of a tree, and changes with every build in it.
const CONFIGURATION: &str = "lab.configuration";

/// The output trees of one source and architecture. All are compiled in the same folder, for builds name it (x86's objtool
/// does): a tree in another folder would be compiled again. Those of other configurations wait beside it.
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

    /// Where trees are compiled.
    fn active(&self) -> PathBuf {
        self.cache.path(format!("objects/{}", self.prefix()))
    }

    /// Where the tree of a configuration waits.
    fn waiting(&self, digest: &str) -> PathBuf {
        self.cache.path(format!("objects/{}-{digest}", self.prefix()))
    }

    /// Makes the tree of a configuration the one to compile; the caller holds the lock. A new one begins as a copy of the one
    /// used last: what the configurations have in common is compiled already. The least recently used one gives way.
    ///
    /// # Errors
    /// When a file cannot be written, or the caller cancels.
    pub fn open(&self, config: &str, progress: &dyn Progress) -> Result<PathBuf, KernelError> {
        let (digest, active) = (digest_of([config]), self.active());
        let wanted = digest.short();
        match configuration(&active) {
            Some(present) if present == wanted => {}
            // Without a name it is a build that was killed at its beginning, or none.
            None if active.is_dir() => {}
            present => {
                if let Some(present) = present {
                    rename(&active, &self.waiting(&present))?;
                }
                self.fetch(wanted, progress)?;
            }
        }
        self.cache.folder(format!("objects/{}", self.prefix()))?;
        let path = active.join(CONFIGURATION);
        fs::write(&path, wanted).map_err(KernelError::io("write", &path))?;
        Ok(active)
    }

    /// Puts the tree of a configuration where trees are compiled, if there is any to begin with.
    fn fetch(&self, wanted: &str, progress: &dyn Progress) -> Result<(), KernelError> {
        let waiting = self.waiting(wanted);
        if waiting.is_dir() {
            return rename(&waiting, &self.active());
        }
        let others = self.by_last_use()?;
        if let Some(latest) = others.first() {
            self.copy(latest, progress)?;
        }
        for old in others.iter().skip(MAX_TREES - 1) {
            fs::remove_dir_all(old).map_err(KernelError::io("remove", old))?;
        }
        Ok(())
    }

    /// The trees that wait, the one used last first.
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
                let used = fs::metadata(path.join(CONFIGURATION)).and_then(|used| used.modified());
                trees.push((used.unwrap_or(SystemTime::UNIX_EPOCH), path));
            }
        }
        trees.sort_by(|a, b| b.cmp(a));
        Ok(trees.into_iter().map(|(_, path)| path).collect())
    }

    /// Copies a tree with the times of its files, by which make knows what is compiled.
    fn copy(&self, from: &Path, progress: &dyn Progress) -> Result<(), KernelError> {
        let scratch = self.cache.scratch(format!("objects/{}", self.prefix()))?;
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

/// The configuration of a tree, by the short form of its digest.
fn configuration(tree: &Path) -> Option<String> {
    fs::read_to_string(tree.join(CONFIGURATION)).ok().filter(|digest| is_digest(digest))
}

fn rename(from: &Path, to: &Path) -> Result<(), KernelError> {
    fs::rename(from, to).map_err(KernelError::io("rename", from))
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

    fn open(trees: &OutputTrees<'_>, config: &str) -> PathBuf {
        trees.open(config, &NullProgress).unwrap()
    }

    #[test]
    fn new_tree_begins_as_a_copy_with_its_times() {
        with_trees(|trees| {
            let object = open(trees, "A=y").join("a.o");
            fs::write(&object, "compiled").unwrap();
            let time = || fs::metadata(&object).unwrap().modified().unwrap();
            let before = time();
            assert_eq!(open(trees, "B=y").join("a.o"), object, "the folder stays");
            assert_eq!((fs::read(&object).unwrap(), time()), (b"compiled".to_vec(), before));
            fs::write(&object, "again").unwrap();
            open(trees, "A=y");
            assert_eq!(fs::read(&object).unwrap(), b"compiled");
            open(trees, "B=y");
            assert_eq!(fs::read(&object).unwrap(), b"again");
        });
    }

    #[test]
    fn least_recently_used_tree_gives_way() {
        with_trees(|trees| {
            let nommu = OutputTrees { arch: arch::find("riscv64-nommu").unwrap(), ..*trees };
            let other = open(&nommu, "A=y");
            let use_at = |config: &str, seconds: u64| {
                let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
                let path = open(trees, config).join(CONFIGURATION);
                fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
            };
            for (number, config) in ["A", "B", "C", "D", "A", "E"].into_iter().enumerate() {
                use_at(config, 100 + number as u64);
            }
            let waits = |config: &str| trees.waiting(digest_of([config]).short()).is_dir();
            assert_eq!(["A", "B", "C", "D", "E"].map(waits), [true, false, true, true, false]);
            assert!(other.is_dir(), "of another architecture");
        });
    }

    #[test]
    fn tree_of_a_killed_build_is_taken_over() {
        with_trees(|trees| {
            let tree = open(trees, "A=y");
            fs::remove_file(tree.join(CONFIGURATION)).unwrap();
            fs::write(tree.join("a.o"), "compiled").unwrap();
            assert_eq!(fs::read(open(trees, "B=y").join("a.o")).unwrap(), b"compiled");
        });
    }
}
