//! A QEMU that the user has started: the lab observes it and never stops it.

use super::channels::{Channels, delegate_to_channels};
use super::{Exit, Guest, GuestEvent};
use crate::host::{Foreign, Qmp, Serial};
use std::task::{Context, Poll};

/// A QEMU behind sockets. If its process is unknown, the end of its console counts as its exit.
#[derive(Debug)]
pub(super) struct Attached {
    process: Foreign,
    has_exited: bool,
    channels: Channels,
}

impl Attached {
    pub const fn new(process: Foreign, serial: Serial, qmp: Option<Qmp>) -> Self {
        Self { process, has_exited: false, channels: Channels::new(serial, qmp) }
    }
}

impl Guest for Attached {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<GuestEvent> {
        if let ready @ Poll::Ready(_) = self.channels.poll_event(cx) {
            return ready;
        }
        if self.has_exited {
            return Poll::Pending;
        }
        let ended = match self.process.pid() {
            Some(_) => std::task::ready!(self.process.poll_wait(cx)),
            None if self.channels.has_console_ended() => Ok(()),
            None => return Poll::Pending,
        };
        self.has_exited = true;
        Poll::Ready(GuestEvent::Exited(ended.map(|()| Exit::default())))
    }

    delegate_to_channels!();

    fn pid(&self) -> Option<u32> {
        self.process.pid()
    }
}
