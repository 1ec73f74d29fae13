//! Advisory locks on files (flock(2)).

use super::clock::pause;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// How long [`FileLock::try_owned`] waits: a child of the owner between fork and exec holds a copy of the lock.
const FORK_TIMEOUT: Duration = Duration::from_secs(1);

/// Time between two attempts.
const RETRY: Duration = Duration::from_millis(20);

/// Maximum length of a process id.
const MAX_PID: u64 = 20;

/// A lock on a file; released when dropped, also by the process's death. Two of one process exclude each other, too.
#[derive(Debug)]
pub struct FileLock {
    file: File,
}

/// A lock of another process, with its id where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockedBy(pub Option<u32>);

/// Whom a lock excludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// All others.
    Exclusive,
    /// Only exclusive ones.
    Shared,
}

impl FileLock {
    /// Locks a file, which is created where missing; `None` while another lock excludes it.
    ///
    /// # Errors
    /// When the file cannot be opened, or its file system has no locks.
    pub fn try_new(path: &Path, sharing: Sharing) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        let operation = match sharing {
            Sharing::Exclusive => FlockOperation::NonBlockingLockExclusive,
            Sharing::Shared => FlockOperation::NonBlockingLockShared,
        };
        match flock(&file, operation) {
            Ok(()) => Ok(Some(Self { file })),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Locks a file exclusively for the life of this process, and writes the process id into it. The folder may belong to
    /// another user: links are not followed.
    ///
    /// # Errors
    /// When the file cannot be opened or written, or its file system has no locks.
    pub fn try_owned(path: &Path) -> io::Result<Result<Self, LockedBy>> {
        let mut file = open_there(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))?;
        let mut waited = Duration::ZERO;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if waited >= FORK_TIMEOUT => return Ok(Err(LockedBy(owner(file)))),
                Err(Errno::WOULDBLOCK | Errno::INTR) => pause(RETRY),
                Err(error) => return Err(error.into()),
            }
            waited += RETRY;
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Ok(Self { file }))
    }

    /// Locks a file that is there, exclusively; `None` while another lock excludes it. Links are not followed.
    ///
    /// # Errors
    /// When there is none, it cannot be opened, or its file system has no locks.
    pub fn try_existing(path: &Path) -> io::Result<Option<Self>> {
        let file = open_there(path, OpenOptions::new().read(true).write(true))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { file })),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the file is still there, by any name.
    pub fn is_linked(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
    }

    /// The locked file.
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Waits for a shared lock: for files that others lock exclusively for moments only.
    ///
    /// # Errors
    /// See [`FileLock::try_new`].
    pub fn wait_shared(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        loop {
            match flock(&file, FlockOperation::LockShared) {
                Ok(()) => return Ok(Self { file }),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Locks a file as long as a process has it open: also one that inherits it. See [`is_open`].
pub fn lock_while_open(file: &File) {
    // Without locks, PR_SET_PDEATHSIG alone ends what the lab has started.
    let _ = flock(file, FlockOperation::NonBlockingLockExclusive);
}

/// Whether a process has a file open that was locked by [`lock_while_open`].
pub fn is_open(path: &Path) -> bool {
    let file = open_there(path, OpenOptions::new().read(true));
    file.is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
}

/// Opens a file, and not what a link leads to; a FIFO does not make it wait.
fn open_there(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

/// The process id that the owner of a lock has written.
fn owner(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_PID).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_locks_exclude_only_exclusive_ones() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let try_new = |sharing| FileLock::try_new(&path, sharing).unwrap();
        let (one, two) = (try_new(Sharing::Shared).unwrap(), FileLock::wait_shared(&path).unwrap());
        assert!(try_new(Sharing::Exclusive).is_none());
        drop(one);
        assert!(try_new(Sharing::Exclusive).is_none());
        drop(two);
        let all = try_new(Sharing::Exclusive).unwrap();
        assert!(try_new(Sharing::Shared).is_none() && try_new(Sharing::Exclusive).is_none());
        drop(all);
        assert!(try_new(Sharing::Shared).is_some());
        assert!(FileLock::try_new(&dir.path().join("no/lock"), Sharing::Shared).is_err());
    }
    #[test]
    fn owner_of_a_lock_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::fs::write(&path, "4194304 and more of a dead process").unwrap();
        let lock = FileLock::try_owned(&path).unwrap().unwrap();
        assert_eq!(FileLock::try_owned(&path).unwrap().unwrap_err(), LockedBy(Some(std::process::id())));
        drop(lock);
        assert!(FileLock::try_owned(&path).unwrap().is_ok());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(FileLock::try_owned(&link).is_err(), "it may lead to a file of the user's");
    }

    #[test]
    fn file_is_locked_while_a_child_has_it_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = File::create(&path).unwrap();
        lock_while_open(&log);
        let mut child = std::process::Command::new("sleep").arg("600").stdout(log).spawn().unwrap();
        assert!(is_open(&path));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_open(&path) && !is_open(&dir.path().join("none")));
    }
}
