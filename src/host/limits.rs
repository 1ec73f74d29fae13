//! Limits of this process.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Lets this process open as many files as it may: a trial takes about ten, and the usual soft limit is 1,024
/// (systemd leaves it there for programs that use `select()`, which this one does not).
pub fn allow_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit of open files; many trials at once may fail");
        }
    }
}
