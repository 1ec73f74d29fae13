//! A guest with only a console, read as a stream of bytes.

use super::channels::{Channels, delegate_to_channels};
use super::{Exit, Guest, GuestEvent};
use crate::host::Serial;
use std::task::{Context, Poll};

/// The end of the console is the guest's end.
#[derive(Debug)]
pub(super) struct ConsoleOnly {
    channels: Channels,
    has_exited: bool,
}

impl ConsoleOnly {
    pub const fn new(console: Serial) -> Self {
        Self { channels: Channels::new(console, None), has_exited: false }
    }
}

impl Guest for ConsoleOnly {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<GuestEvent> {
        if let ready @ Poll::Ready(_) = self.channels.poll_event(cx) {
            return ready;
        }
        if self.has_exited || !self.channels.has_console_ended() {
            return Poll::Pending;
        }
        self.has_exited = true;
        Poll::Ready(GuestEvent::Exited(Ok(Exit::default())))
    }

    delegate_to_channels!();
}
