//! A folder for what is written over minutes. Dropping it removes it; that of a killed program is removed with the next one beside it.

use super::file_lock::FileLock;
use super::private_dir::private_dir_in;
use rustix::fs::{Mode, chmod};
use rustix::process::geteuid;
use rustix::system::uname;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Hidden: it may be among runs.
const PREFIX: &str = ".oomlab-scratch-";

/// Locked as long as the owner lives; it has the boot id and the name of its host. Beside the content, which may be moved.
const LOCK: &str = "lock";
const CONTENT: &str = "content";

/// Age of a folder of another host that counts as left. Locks of a shared file system may hold on their host alone.
const MAX_FOREIGN_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Maximum length of a boot id and a host's name in bytes (Linux, `__NEW_UTS_LEN`).
const MAX_HOST: u64 = 36 + 1 + 64;

/// Attempts to lock a new folder before another program removes it.
const MAX_ATTEMPTS: u32 = 100;

/// Of what was moved to its place.
const MODE: u32 = 0o755;

/// An empty folder that only this user may enter.
#[derive(Debug)]
pub struct ScratchDir {
    content: PathBuf,
    // Removed before it is unlocked: fields are dropped in order.
    _dir: TempDir,
    /// `None` where the file system has no locks: then no other program can tell that it was left, either.
    _lock: Option<FileLock>,
}

impl ScratchDir {
    /// Creates one in a folder, and removes those of killed programs there.
    ///
    /// # Errors
    /// When it cannot be created, or other programs removed every new one.
    pub fn create_in(parent: &Path) -> io::Result<Self> {
        Self::remove_abandoned(parent);
        for _ in 0..MAX_ATTEMPTS {
            let dir = private_dir_in(parent, PREFIX)?;
            let path = dir.path().join(LOCK);
            let named = dir.path().join("host");
            let made = fs::write(&named, host()).and_then(|()| fs::rename(&named, &path));
            let lock = match made.and_then(|()| FileLock::try_existing(&path)) {
                // It was removed before it was locked.
                Ok(Some(lock)) if !lock.is_linked() => continue,
                Ok(Some(lock)) => Some(lock),
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(_) if path.is_file() => None,
                Err(error) => return Err(error),
            };
            let content = dir.path().join(CONTENT);
            fs::create_dir(&content)?;
            return Ok(Self { content, _dir: dir, _lock: lock });
        }
        Err(io::Error::other(format!("other programs remove every new folder in {}", parent.display())))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.content
    }

    /// Moves the folder to its place in the same file system, where others may read it; an empty folder there is replaced.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn persist(self, to: &Path) -> io::Result<()> {
        chmod(&self.content, Mode::from_raw_mode(MODE))?;
        fs::rename(&self.content, to)
    }

    /// Removes the folders that killed programs of this user have left in a folder.
    pub fn remove_abandoned(parent: &Path) {
        for entry in parent.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
                && path.symlink_metadata().is_ok_and(|it| it.is_dir() && it.uid() == geteuid().as_raw());
            // One without a lock has just been made.
            if is_ours
                && let Ok(Some(lock)) = FileLock::try_existing(&path.join(LOCK))
                && is_left(lock.file())
            {
                // What cannot be removed stays for the next one.
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}

/// The boot id and the name of this host, a line each: containers of one kernel have other names, and a host that was started again
/// another boot id.
fn host() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("{}\n{}", boot.trim(), uname().nodename().to_string_lossy())
}

/// Whether this host can tell by the lock, which it has, that the owner is gone.
fn is_left(lock: &fs::File) -> bool {
    let mut owner = String::new();
    let is_read = lock.take(MAX_HOST).read_to_string(&mut owner).is_ok();
    let is_here = || owner.lines().zip(host().lines()).any(|(owner, own)| owner == own);
    let modified = || lock.metadata().and_then(|it| it.modified());
    let is_old = || modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= MAX_FOREIGN_AGE));
    (is_read && (owner.is_empty() || is_here())) || is_old()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(parent: &Path) -> Vec<String> {
        let entries = parent.read_dir().unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// What a killed program leaves.
    fn abandon(parent: &Path, name: &str) -> PathBuf {
        let dir = parent.join(format!("{PREFIX}{name}"));
        fs::create_dir_all(dir.join(CONTENT)).unwrap();
        fs::write(dir.join(CONTENT).join("disk"), "gigabytes").unwrap();
        fs::write(dir.join(LOCK), "").unwrap();
        dir
    }

    #[test]
    fn folders_of_killed_programs_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let used = ScratchDir::create_in(parent.path()).unwrap();
        let abandoned = abandon(parent.path(), "abandoned");
        let other = parent.path().join("runs");
        fs::create_dir(&other).unwrap();
        let next = ScratchDir::create_in(parent.path()).unwrap();
        assert!(used.path().is_dir() && next.path().is_dir() && other.is_dir() && !abandoned.exists());
        drop((used, next));
        assert_eq!(names(parent.path()), ["runs"]);
    }

    #[test]
    fn folders_of_other_hosts_are_kept_for_a_week() {
        let parent = tempfile::tempdir().unwrap();
        let dir = abandon(parent.path(), "elsewhere");
        fs::write(dir.join(LOCK), "another-boot\nanother-host").unwrap();
        ScratchDir::remove_abandoned(parent.path());
        assert!(dir.is_dir());
        let lock = fs::File::options().write(true).open(dir.join(LOCK)).unwrap();
        lock.set_modified(std::time::UNIX_EPOCH).unwrap();
        ScratchDir::remove_abandoned(parent.path());
        assert!(!dir.exists());
    }

    #[test]
    fn links_of_others_are_not_followed() {
        let (parent, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let home = abandon(victim.path(), "home");
        std::os::unix::fs::symlink(&home, parent.path().join(format!("{PREFIX}link"))).unwrap();
        let dir = parent.path().join(format!("{PREFIX}lock"));
        fs::create_dir(&dir).unwrap();
        std::os::unix::fs::symlink(home.join(LOCK), dir.join(LOCK)).unwrap();
        ScratchDir::remove_abandoned(parent.path());
        assert!(home.join(CONTENT).join("disk").is_file() && dir.is_dir());
    }

    #[test]
    fn content_is_private_until_it_is_moved() {
        let parent = tempfile::tempdir().unwrap();
        let scratch = ScratchDir::create_in(parent.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(scratch.path().parent().unwrap()), 0o700);
        fs::write(scratch.path().join("x"), "x").unwrap();
        let out = parent.path().join("out");
        fs::create_dir(&out).unwrap();
        scratch.persist(&out).unwrap();
        assert_eq!((mode(&out), names(parent.path())), (0o755, vec!["out".to_owned()]));
        assert_eq!(fs::read(out.join("x")).unwrap(), b"x");
    }
}
