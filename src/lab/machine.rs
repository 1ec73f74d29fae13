//! The process behind a guest: the lab's own QEMU, or somebody else's, which the lab only looks at.

use crate::host::{Foreign, Guest, Qmp};
use crate::lab::stop;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How QEMU ended. Of a process that is not the lab's child neither is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct End {
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        Self { code: status.code(), signal: status.signal() }
    }
}

/// A QEMU.
#[derive(Debug)]
pub(super) enum Machine {
    /// Ends with the lab.
    Ours(Guest),
    /// Is never ended by the lab.
    Theirs(Foreign),
}

impl Machine {
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Ours(_))
    }

    /// Its process id, where it is known.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Ours(guest) => Some(guest.pid()),
            Self::Theirs(foreign) => foreign.pid(),
        }
    }

    /// Waits for its end; for ever, where nobody would tell. Cancel safe.
    pub async fn wait(&mut self) -> io::Result<End> {
        match self {
            Self::Ours(guest) => guest.wait().await.map(End::from),
            Self::Theirs(foreign) => foreign.wait().await.map(|()| End::default()),
        }
    }

    /// Ends it at once, if it is the lab's.
    pub async fn kill(&mut self) -> io::Result<Option<End>> {
        match self {
            Self::Ours(guest) => guest.kill().await.map(|status| Some(status.into())),
            Self::Theirs(_) => Ok(None),
        }
    }

    /// Ends it step by step, if it is the lab's.
    pub async fn stop(&mut self, qmp: &Qmp) -> io::Result<Option<End>> {
        match self {
            Self::Ours(guest) => stop::stop(guest, qmp).await.map(|status| Some(status.into())),
            Self::Theirs(_) => Ok(None),
        }
    }

    /// The end of what QEMU itself wrote, where the lab has it.
    pub fn last_words(&self) -> String {
        match self {
            Self::Ours(guest) => guest.last_words(),
            Self::Theirs(_) => String::new(),
        }
    }
}
