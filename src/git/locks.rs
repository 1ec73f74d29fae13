//! Locks that a killed git leaves behind.

use std::path::Path;

/// Removes the locks (`index.lock`, `HEAD.lock`, `config.lock`, `shallow.lock`) in a git directory that no running git uses.
pub fn remove_stale_locks(git_dir: &Path) {
    let files = std::fs::read_dir(git_dir).into_iter().flatten().flatten().map(|entry| entry.path());
    for lock in files.filter(|path| path.extension().is_some_and(|extension| extension == "lock")) {
        // A lock that stays is named by git's own error.
        let _ = std::fs::remove_file(lock);
    }
}
