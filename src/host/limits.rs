//! Limits of this process.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard limit: a trial has about ten, and the usual soft limit is 1,024
/// (systemd keeps it for programs that use `select()`).
pub fn allow_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise RLIMIT_NOFILE; many concurrent trials may fail");
        }
    }
}
