//! What this process uses of the cache: no other process removes it meanwhile.

use super::artifact::RECORD;
use super::cache::{Cache, Lock};
use crate::host::{FileLock, touch};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Shared locks by name, held until the last clone of the cache is dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct InUse(Arc<Mutex<BTreeMap<String, Lock>>>);

impl InUse {
    /// Whoever removes something holds its lock for a moment only. Where nothing can be locked, as in a cache that cannot be
    /// written, nothing is removed either.
    fn hold(&self, name: &str, path: &Path) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.contains_key(name) {
            return;
        }
        match FileLock::wait_shared(path) {
            Ok(lock) => drop(held.insert(name.to_owned(), lock)),
            Err(error) => tracing::debug!("{} is not locked: {error}", path.display()),
        }
    }
}

impl Cache {
    /// Keeps the kernel with this image from being removed, and notes its use; or this firmware. `false` when it is gone. A
    /// file elsewhere is the user's.
    pub fn keep_file(&self, file: &Path) -> bool {
        if file.starts_with(self.path("firmware")) {
            self.keep("firmware");
        }
        let Some((key, folder)) = self.artifact_of(file) else { return file.is_file() };
        self.keep(&format!("artifacts-{key}"));
        let record = folder.join(RECORD);
        touch(&record);
        record.is_file()
    }

    /// Keeps everything of this lock's name from being removed.
    pub fn keep(&self, lock: &str) {
        if let Ok(folder) = self.folder("locks") {
            self.in_use().hold(lock, &folder.join(lock));
        }
    }

    /// The key and the folder of the kernel with this image, which may be named by its link.
    fn artifact_of(&self, image: &Path) -> Option<(String, PathBuf)> {
        let folder = image.parent()?.canonicalize().ok()?;
        let is_ours = folder.parent() == Some(&*self.path("artifacts").canonicalize().ok()?);
        is_ours.then(|| Some((folder.file_name()?.to_str()?.to_owned(), folder.clone())))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::file_time;
    use std::fs::{self, File};
    use std::time::Duration;

    #[test]
    fn kernel_is_kept_by_its_link_until_the_cache_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let (cache, other) = (Cache::new(dir.path().to_owned()), Cache::new(dir.path().to_owned()));
        let folder = cache.folder("artifacts/abc").unwrap();
        fs::write(folder.join(RECORD), "{}").unwrap();
        let old = file_time() - Duration::from_secs(3600);
        File::open(folder.join(RECORD)).unwrap().set_modified(old).unwrap();
        super::super::cache::point(&cache.path("kernels/a/arm"), Path::new("../../artifacts/abc")).unwrap();
        let image = cache.path("kernels/a/arm/kernel");
        assert!(cache.keep_file(&image) && cache.clone().keep_file(&image));
        let used = fs::metadata(folder.join(RECORD)).unwrap().modified().unwrap();
        assert!(used.elapsed().unwrap() < Duration::from_secs(600));
        assert!(other.try_lock("artifacts-abc").unwrap().is_none());
        let clone = cache.clone();
        drop(cache);
        assert!(other.try_lock("artifacts-abc").unwrap().is_none());
        drop(clone);
        let lock = other.try_lock("artifacts-abc").unwrap();
        fs::remove_dir_all(&folder).unwrap();
        drop(lock);
        assert!(!other.keep_file(&image));
    }

    #[test]
    fn kernel_of_the_user_needs_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().join("cache"));
        fs::write(dir.path().join("Image"), "").unwrap();
        assert!(cache.keep_file(&dir.path().join("Image")) && !cache.keep_file(&dir.path().join("none")));
        assert!(!dir.path().join("cache").exists());
    }
}
