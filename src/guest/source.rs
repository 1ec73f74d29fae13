//! Where a guest comes from.

use super::Guest;
use super::attached::Attached;
use super::console_only::ConsoleOnly;
use super::managed::Managed;
use crate::host::{Foreign, Qmp, Serial, SpawnError};
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a guest comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The lab starts QEMU.
    Spawn {
        /// Command line of a QEMU that opens the two sockets.
        argv: Vec<String>,
        /// The serial console's socket.
        serial: PathBuf,
        /// The QMP monitor's socket.
        qmp: PathBuf,
        /// Maximum rate of the console in bytes per second.
        console_bps: Option<NonZeroU64>,
    },
    /// The user has started QEMU.
    Attach {
        /// The serial console's socket.
        serial: PathBuf,
        /// The QMP monitor's socket.
        qmp: Option<PathBuf>,
    },
    /// The console alone, on standard input.
    Stdin,
}

/// A guest that could not be started or found.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// QEMU.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The process behind the user's QMP socket.
    #[error("cannot connect to QMP at {}: {source}", path.display())]
    Attach {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Source {
    /// Starts or finds the guest and connects to its channels within `timeout`, in the background. QEMU's own output goes to the
    /// file `log`.
    ///
    /// # Errors
    /// When QEMU cannot be started, or the user's QMP socket has no listener.
    pub async fn open(self, log: &Path, timeout: Duration) -> Result<Box<dyn Guest>, OpenError> {
        Ok(match self {
            Self::Spawn { argv, serial, qmp, console_bps } => Box::new(Managed::spawn(&argv, log, || {
                (Serial::open(serial, timeout, console_bps), Qmp::open(qmp, timeout))
            })?),
            Self::Attach { serial, qmp } => {
                let (process, qmp) = match qmp {
                    Some(path) => {
                        let process = Foreign::listening_at(&path).await;
                        let process = process.map_err(|source| OpenError::Attach { path: path.clone(), source })?;
                        (process, Some(Qmp::open(path, timeout)))
                    }
                    None => (Foreign::default(), None),
                };
                Box::new(Attached::new(process, Serial::open(serial, timeout, None), qmp))
            }
            Self::Stdin => Box::new(ConsoleOnly::new(Serial::stream(io::stdin()))),
        })
    }
}
