//! What is needed to run one trial.

use crate::host::Accelerator;
use model::{Cell, Digest, KernelArtifact};
use std::path::PathBuf;

/// A cell whose kernel and guest image lie ready.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The kernel.
    pub kernel: KernelArtifact,
    /// The initramfs and its digest.
    pub initrd: Option<(PathBuf, Digest)>,
    /// What executes the guest.
    pub accelerator: Accelerator,
}

/// One boot of a cell.
#[derive(Debug, Clone)]
pub struct TrialSpec {
    /// The cell.
    pub cell: Cell,
    /// Counted from 1.
    pub trial: u32,
    /// QEMU's command line, when it is not the one that follows from the cell: tests put a scripted QEMU here.
    pub program: Option<PathBuf>,
    /// The guest, when it is none of the lab's own making.
    pub watched: Option<Watched>,
}

/// A guest that the lab has not planned, and only judges.
#[derive(Debug, Clone)]
pub enum Watched {
    /// The lab starts the user's own QEMU, with channels that it adds.
    Spawn(Vec<String>),
    /// The user has started it; these are its sockets.
    Attach {
        /// The serial console.
        serial: PathBuf,
        /// What QEMU calls the character device behind it.
        console: String,
        /// QMP: without it nothing is known of the vCPUs.
        qmp: Option<PathBuf>,
    },
    /// There is nothing of it but its console on standard input.
    Stdin,
}
