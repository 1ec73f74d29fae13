//! The cache folder: its layout, its locks, and atomic installation.
//!
//! ```text
//! apt/<suite>-<arch>/       private apt roots
//! packages/<digest>/        .deb files, by content
//! sources/<digest>/         unpacked source trees, by the content of their packages
//! trees/<source>-<arch>/    what builds compile: links to a source tree, and patched files
//! objects/<source>-<arch>/  output trees of builds
//! artifacts/<key>/          finished kernels: the image, its record, and what belongs to it; `modules/` once it is needed
//! kernels/<name>/<arch>     symbolic links to them
//! images/                   guest images (`crate::image`)
//! disks/                    root disks of guests, with the keys that log in (`crate::image`)
//! selftests/<key>/          programs of kernels' own tests
//! firmware/                 firmware of guests, by architecture
//! locks/ logs/
//! ```
//!
//! A folder is made under a temporary name and renamed when it is complete: a folder with a final name is whole. It is renamed
//! again before it is removed.
//!
//! Locks keep what is in use from being removed:
//!
//! ```text
//! making            shared by whoever fetches or builds
//! artifacts-<key>   shared by whoever uses this kernel
//! images disks firmware   shared by each user of any; `disks` also while one is made
//! ```

use super::KernelError;
use super::in_use::InUse;
use super::progress::{Progress, Stage, Update};
use crate::host::{FileLock, Sharing, private_dir_in};
use model::Digest;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The cache folder.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    root: PathBuf,
    in_use: InUse,
}

/// A lock of one name.
pub(crate) type Lock = FileLock;

/// The lock of whoever fetches or builds, and so uses packages, sources and output trees.
pub(super) const MAKING: &str = "making";

impl Cache {
    pub fn new(root: PathBuf) -> Self {
        Self { root, in_use: InUse::default() }
    }

    pub(super) fn in_use(&self) -> &InUse {
        &self.in_use
    }

    /// A path below the cache folder; nothing is created.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// A folder below the cache folder, created where missing.
    pub fn folder(&self, relative: impl AsRef<Path>) -> Result<PathBuf, KernelError> {
        let path = self.path(relative);
        fs::create_dir_all(&path).map_err(KernelError::io("create", &path))?;
        Ok(path)
    }

    /// The log file of one attempt.
    pub fn log(&self, name: &str) -> Result<PathBuf, KernelError> {
        Ok(self.folder("logs")?.join(format!("{name}.log")))
    }

    /// Waits for the exclusive lock of `name`.
    pub fn lock(&self, name: &str, progress: &dyn Progress) -> Result<Lock, KernelError> {
        self.wait(name, Sharing::Exclusive, progress)
    }

    /// Waits for a shared lock of `name`.
    pub fn share(&self, name: &str, progress: &dyn Progress) -> Result<Lock, KernelError> {
        self.wait(name, Sharing::Shared, progress)
    }

    /// The exclusive lock of `name`; `None` while others have it.
    pub fn try_lock(&self, name: &str) -> Result<Option<Lock>, KernelError> {
        self.attempt(name, Sharing::Exclusive)
    }

    fn attempt(&self, name: &str, sharing: Sharing) -> Result<Option<Lock>, KernelError> {
        let path = self.folder("locks")?.join(name);
        FileLock::try_new(&path, sharing).map_err(KernelError::io("lock", &path))
    }

    fn wait(&self, name: &str, sharing: Sharing, progress: &dyn Progress) -> Result<Lock, KernelError> {
        loop {
            if let Some(lock) = self.attempt(name, sharing)? {
                return Ok(lock);
            }
            if progress.cancelled() {
                return Err(KernelError::Cancelled);
            }
            let message = format!("another oomlab holds {name}");
            progress.update(Update { stage: Stage::Wait, done: 0, total: None, message: &message });
            crate::host::pause(Duration::from_millis(200));
        }
    }

    /// A place to make the folder `relative` in; the caller holds its lock. Leftovers of an earlier process are removed.
    pub fn scratch(&self, relative: impl AsRef<Path>) -> Result<Scratch, KernelError> {
        let to = self.path(relative);
        let (parent, name) = (to.parent().unwrap_or(&self.root), to.file_name().unwrap_or_default());
        let path = parent.join(format!(".making-{}", name.display()));
        remove(&path)?;
        fs::create_dir_all(&path).map_err(KernelError::io("create", &path))?;
        Ok(Scratch { path, to })
    }
}

/// A folder that is not complete yet; removed when dropped unless it is installed.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    to: PathBuf,
}

impl Scratch {
    /// Its temporary path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Renames it to its final name, in place of an earlier folder.
    pub fn install(self) -> Result<PathBuf, KernelError> {
        remove(&self.to)?;
        fs::rename(&self.path, &self.to).map_err(KernelError::io("create", &self.to))?;
        Ok(self.to.clone())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Leftovers are removed by the next attempt.
        let _ = remove(&self.path);
    }
}

fn remove(folder: &Path) -> Result<(), KernelError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(KernelError::io("remove", folder)(error)),
        _ => Ok(()),
    }
}

/// Points the symbolic link `link` at `target`, in one step.
pub(crate) fn point(link: &Path, target: &Path) -> Result<(), KernelError> {
    let parent = link.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(KernelError::io("create", parent))?;
    let scratch = private_dir_in(parent, ".link-").map_err(KernelError::io("create in", parent))?;
    let fresh = scratch.path().join("link");
    std::os::unix::fs::symlink(target, &fresh).map_err(KernelError::io("create", &fresh))?;
    fs::rename(&fresh, link).map_err(KernelError::io("replace", link))
}

/// SHA-256 of a file's content.
pub(crate) fn digest_of_file(path: &Path) -> io::Result<Digest> {
    crate::store::digest_file(path).map(|(_, digest)| digest)
}

/// SHA-256 over several pieces, each with its length.
pub(crate) fn digest_of<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Digest {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update((piece.len() as u64).to_le_bytes());
        hash.update(piece);
    }
    Digest::of_bytes(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    struct Recorder {
        waited: AtomicBool,
        stop: bool,
    }

    impl Progress for Recorder {
        fn update(&self, update: Update<'_>) {
            self.waited.fetch_or(update.stage == Stage::Wait, Ordering::Relaxed);
        }
        fn cancelled(&self) -> bool {
            self.stop
        }
    }

    #[test]
    fn lock_is_exclusive_and_waiting_can_be_cancelled() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().to_owned());
        let held = cache.lock("x", &super::super::NullProgress).unwrap();
        let stopping = Recorder { waited: AtomicBool::new(false), stop: true };
        assert!(matches!(cache.lock("x", &stopping), Err(KernelError::Cancelled)));
        let waiting = Recorder { waited: AtomicBool::new(false), stop: false };
        std::thread::scope(|scope| {
            let second = scope.spawn(|| cache.lock("x", &waiting).map(|_| ()));
            while !waiting.waited.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            drop(held);
            second.join().unwrap().unwrap();
        });
    }

    #[test]
    fn folder_has_its_name_only_when_it_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().to_owned());
        fs::create_dir_all(cache.path("things/.making-a")).unwrap();
        fs::write(cache.path("things/.making-a/stale"), "x").unwrap();
        let scratch = cache.scratch("things/a").unwrap();
        fs::write(scratch.path().join("half"), "x").unwrap();
        drop(scratch);
        assert_eq!(fs::read_dir(cache.path("things")).unwrap().count(), 0);
        let scratch = cache.scratch("things/a").unwrap();
        fs::write(scratch.path().join("whole"), "x").unwrap();
        scratch.install().unwrap();
        assert!(cache.path("things/a/whole").is_file());
    }

    #[test]
    fn link_is_replaced_atomically() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("kernels/a/arm");
        point(&link, Path::new("../../artifacts/1")).unwrap();
        point(&link, Path::new("../../artifacts/2")).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("../../artifacts/2"));
        assert_eq!(fs::read_dir(link.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn digests_are_sha256_and_separate_pieces() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("abc"), "abc").unwrap();
        let digest = digest_of_file(&dir.path().join("abc")).unwrap();
        assert_eq!(digest.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_ne!(digest_of(["ab", "c"]), digest_of(["a", "bc"]));
    }
}
