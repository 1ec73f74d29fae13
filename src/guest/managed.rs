//! A QEMU that the lab starts and ends.

use super::channels::{Channels, delegate_to_channels};
use super::{Exit, Guest, GuestEvent, StopSignal};
use crate::host::{OomKiller, Qemu, Qmp, Serial, SpawnError};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::task::{Context, Poll};

/// A QEMU in its own process group, which does not outlive the lab.
#[derive(Debug)]
pub(super) struct Managed {
    qemu: Qemu,
    has_exited: bool,
    channels: Channels,
}

impl Managed {
    /// Starts `argv` with stdout and stderr in the file `log`.
    pub fn spawn(argv: &[String], log: &Path, open: impl FnOnce() -> (Serial, Qmp)) -> Result<Self, SpawnError> {
        let qemu = Qemu::spawn(argv, log)?;
        let (serial, qmp) = open();
        Ok(Self { qemu, has_exited: false, channels: Channels::new(serial, Some(qmp)) })
    }
}

impl Guest for Managed {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<GuestEvent> {
        if let ready @ Poll::Ready(_) = self.channels.poll_event(cx) {
            return ready;
        }
        if self.has_exited {
            return Poll::Pending;
        }
        let status = std::task::ready!(self.qemu.poll_wait(cx));
        self.has_exited = true;
        Poll::Ready(GuestEvent::Exited(status.map(|status| {
            let killer = self.qemu.oom_killer(status);
            Exit {
                code: status.code(),
                signal: status.signal(),
                host_oom: killer.is_some(),
                oom_limit: match killer {
                    Some(OomKiller::Group(limit)) => Some(limit),
                    Some(OomKiller::Host) | None => None,
                },
                stderr: self.qemu.stderr_tail(),
            }
        })))
    }

    delegate_to_channels!();

    fn pid(&self) -> Option<u32> {
        Some(self.qemu.pid())
    }

    fn is_managed(&self) -> bool {
        true
    }

    fn signal(&mut self, signal: StopSignal) {
        match signal {
            StopSignal::Terminate => self.qemu.terminate(),
            StopSignal::Kill => self.qemu.kill(),
        }
    }

    fn into_process(self: Box<Self>) -> Option<Qemu> {
        Some(self.qemu)
    }
}
