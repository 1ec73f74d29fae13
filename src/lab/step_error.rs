//! Why the host's part of a diagnostic step failed.

use crate::host::QmpError;
use crate::probe::ProbeError;
use std::io;

/// A failure of the host's part of a step.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    /// There is no control channel.
    #[error("the guest has no QMP")]
    NoQmp,
    /// The guest cannot be read.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// QEMU did not answer a command, or refused it.
    #[error(transparent)]
    Qmp(#[from] QmpError),
    /// The console does not take input.
    #[error("the console takes no input: {0}")]
    Console(io::Error),
    /// The bundle's folder.
    #[error("cannot make the bundle's folder: {0}")]
    Folder(io::Error),
}
