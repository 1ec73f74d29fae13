//! Advisory locks on files (flock(2)).

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;

/// A lock on a file; released when dropped, also by the process's death. Two of one process exclude each other, too.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

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
        let file = File::create(path)?;
        let operation = match sharing {
            Sharing::Exclusive => FlockOperation::NonBlockingLockExclusive,
            Sharing::Shared => FlockOperation::NonBlockingLockShared,
        };
        match flock(&file, operation) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for a shared lock: for files that others lock exclusively for moments only.
    ///
    /// # Errors
    /// See [`FileLock::try_new`].
    pub fn wait_shared(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        loop {
            match flock(&file, FlockOperation::LockShared) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
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
}
