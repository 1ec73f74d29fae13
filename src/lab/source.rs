//! Where a guest comes from.

use super::error::LabError;
use super::machine::Machine;
use crate::host::{Foreign, Guest, Qmp, Serial};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a guest comes from.
pub(super) enum Source<'a> {
    /// The lab starts QEMU, which opens these sockets; its console takes so many bytes a second.
    Spawn { argv: &'a [String], serial: PathBuf, qmp: PathBuf, console_bps: Option<u64> },
    /// Somebody else has started it.
    Attach { serial: PathBuf, qmp: Option<PathBuf> },
    /// There is nothing of it but its console on standard input.
    Stdin,
}

impl Source<'_> {
    /// Starts or finds it, and begins to open its channels, for at most `patience`. What QEMU itself says goes to the file `log`.
    pub async fn open(&self, log: &Path, patience: Duration) -> Result<(Machine, Serial, Qmp), LabError> {
        Ok(match self {
            Self::Spawn { argv, serial, qmp, console_bps } => {
                let guest = Guest::spawn(argv, log)?;
                let serial = Serial::open(serial.clone(), patience, *console_bps);
                (Machine::Ours(guest), serial, Qmp::open(qmp.clone(), patience))
            }
            Self::Attach { serial, qmp } => {
                let (foreign, qmp) = match qmp {
                    Some(path) => {
                        let foreign = Foreign::listening_at(path).await;
                        let foreign = foreign.map_err(|source| LabError::Io { what: "QMP", source })?;
                        (foreign, Qmp::open(path.clone(), patience))
                    }
                    None => (Foreign::default(), Qmp::none()),
                };
                (Machine::Theirs(foreign), Serial::open(serial.clone(), patience, None), qmp)
            }
            Self::Stdin => (Machine::Theirs(Foreign::default()), Serial::stream(std::io::stdin()), Qmp::none()),
        })
    }
}
