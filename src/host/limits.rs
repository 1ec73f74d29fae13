//! Limits of this process.

use rustix::process::{Resource, getrlimit, setrlimit};
use std::fmt;

/// Descriptors of one guest: its sockets, logs, locks and pidfd, and those of its start or of a probe.
const FILES_PER_GUEST: u64 = 12;

/// Descriptors besides those of guests: streams, the event loop, the run's files, the report.
const FILES_BESIDES: u64 = 20;

/// The limit of open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// Descriptors; `None` for no limit.
    pub limit: Option<u64>,
}

impl OpenFiles {
    /// Guests at a time for which the descriptors suffice; at least one is tried.
    pub fn guests(self) -> u32 {
        let guests = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(FILES_BESIDES) / FILES_PER_GUEST);
        u32::try_from(guests.max(1)).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for OpenFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Some(limit) => write!(f, "{limit} open files: at most {} at a time (`ulimit -n`)", self.guests()),
            None => write!(f, "no limit of open files"),
        }
    }
}

/// Raises the soft limit of open files to the hard limit: the usual soft limit is 1,024 (systemd keeps it for programs
/// that use `select()`). Returns the limit then.
pub fn allow_open_files() -> OpenFiles {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let soft = limit.current;
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise RLIMIT_NOFILE");
            limit.current = soft;
        }
    }
    OpenFiles { limit: limit.current }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_limit_guests() {
        let guests = |limit| OpenFiles { limit }.guests();
        assert_eq!((guests(Some(64)), guests(Some(1024)), guests(None)), (3, 83, u32::MAX));
        assert_eq!((guests(Some(0)), guests(Some(30))), (1, 1), "one is tried");
    }
}
