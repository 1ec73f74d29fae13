//! The channels of all guests.

use super::{Flush, GuestEvent};
use crate::host::{Qmp, QmpCommands, Serial, SerialInput};
use std::task::{Context, Poll};

/// The serial console and optionally QMP. Each reports its end once.
#[derive(Debug)]
pub(super) struct Channels {
    console: Serial,
    state: ConsoleState,
    qmp: Option<Qmp>,
    is_qmp_open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConsoleState {
    Connecting,
    Open,
    Ended,
}

impl Channels {
    pub const fn new(console: Serial, qmp: Option<Qmp>) -> Self {
        let is_qmp_open = qmp.is_some();
        Self { console, state: ConsoleState::Connecting, qmp, is_qmp_open }
    }

    /// The next event of a channel; the console has priority.
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<GuestEvent> {
        match self.state {
            ConsoleState::Connecting => {
                if let Poll::Ready(connected) = self.console.poll_connected(cx) {
                    return Poll::Ready(match connected {
                        Ok(()) => {
                            self.state = ConsoleState::Open;
                            GuestEvent::ConsoleReady
                        }
                        Err(error) => {
                            self.state = ConsoleState::Ended;
                            GuestEvent::ConsoleUnreachable(error)
                        }
                    });
                }
            }
            ConsoleState::Open => {
                if let Poll::Ready(chunk) = self.console.poll_read(cx) {
                    return Poll::Ready(chunk.map_or_else(
                        || {
                            self.state = ConsoleState::Ended;
                            GuestEvent::ConsoleEnd
                        },
                        GuestEvent::Console,
                    ));
                }
            }
            ConsoleState::Ended => {}
        }
        match &mut self.qmp {
            Some(qmp) if self.is_qmp_open => qmp.poll_event(cx).map(|event| {
                self.is_qmp_open = event.is_some();
                event.map_or(GuestEvent::QmpEnd, GuestEvent::Qmp)
            }),
            _ => Poll::Pending,
        }
    }

    pub const fn has_console_ended(&self) -> bool {
        matches!(self.state, ConsoleState::Ended)
    }

    pub fn buffered_console(&mut self) -> Option<Vec<u8>> {
        if self.state == ConsoleState::Open { self.console.read_now() } else { None }
    }

    pub fn is_console_behind(&self) -> bool {
        self.console.is_behind()
    }

    pub fn flush_console(&self) -> Flush {
        Box::pin(self.console.flush())
    }

    pub fn input(&self) -> SerialInput {
        self.console.input().clone()
    }

    pub fn control(&self) -> Option<QmpCommands> {
        self.qmp.as_ref().map(|qmp| qmp.commands().clone())
    }
}

/// The methods of [`super::Guest`] that are the channels' own.
macro_rules! delegate_to_channels {
    () => {
        fn buffered_console(&mut self) -> Option<Vec<u8>> {
            self.channels.buffered_console()
        }

        fn is_console_behind(&self) -> bool {
            self.channels.is_console_behind()
        }

        fn flush_console(&self) -> $crate::guest::Flush {
            self.channels.flush_console()
        }

        fn input(&self) -> $crate::host::SerialInput {
            self.channels.input()
        }

        fn control(&self) -> Option<$crate::host::QmpCommands> {
            self.channels.control()
        }
    };
}

pub(super) use delegate_to_channels;
