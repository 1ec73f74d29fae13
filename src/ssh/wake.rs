//! Wakes the connection's thread from its poll(2).

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// An eventfd(2). Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Wake(Arc<OwnedFd>);

impl Wake {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Ends the thread's wait, or its next one.
    pub(super) fn wake(&self) {
        // It fails only if it is full: then the thread is awake.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Makes the next wait last until the next [`Wake::wake`].
    pub(super) fn clear(&self) {
        // EAGAIN: there was no call.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Wakes the thread when it is dropped: the field after all those whose end the thread is to notice.
#[derive(Debug, Clone)]
pub(super) struct WakeOnDrop(pub(super) Wake);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.wake();
    }
}
