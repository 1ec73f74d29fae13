//! A process's exit as an event (pidfd_open(2)).

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;

/// A pidfd; the process need not be a child.
#[derive(Debug)]
pub struct ProcessFd(AsyncFd<OwnedFd>);

impl ProcessFd {
    /// Opens the process of this id.
    ///
    /// # Errors
    /// When it does not exist, or is in another PID namespace.
    pub fn open(pid: Pid) -> io::Result<Self> {
        let fd = pidfd_open(pid, PidfdFlags::NONBLOCK)?;
        // SAFETY: the descriptor is open and has no other owner.
        Ok(Self(unsafe { AsyncFd::register(fd) }?))
    }

    /// Ready when the process has exited, which makes the pidfd readable.
    ///
    /// # Errors
    /// When the runtime is shutting down.
    pub fn poll_exit(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx).map_ok(drop)
    }
}
