//! What one trial is made of.

use crate::host::Accelerator;
use model::{Accel, Cell, Digest, KernelArtifact, RamMib};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of a trial's spec.
pub const SPEC_SCHEMA: u32 = 1;

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

/// One boot of a cell, complete: any process of this host can run it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialSpec {
    /// [`SPEC_SCHEMA`].
    pub schema: u32,
    /// The cell.
    pub cell: Cell,
    /// Number of the trial, from 1.
    pub trial: u32,
    /// The run's folder, as the user may type it.
    pub run: String,
    /// Where the guest comes from.
    pub guest: GuestSpec,
    /// The kernel.
    pub kernel: KernelArtifact,
    /// The initramfs and its digest.
    pub initrd: Option<(PathBuf, Digest)>,
    /// What executes the guest.
    pub accel: Accel,
    /// Limit of the RAM of a guest that hung or crashed that is kept in a file; nothing for none.
    pub max_dump: Option<RamMib>,
}

/// Where a guest comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestSpec {
    /// The command line follows from the cell.
    Planned {
        /// A program to run in place of the architecture's QEMU.
        qemu: Option<PathBuf>,
    },
    /// The lab starts the user's own QEMU, with channels that it adds.
    Spawn {
        /// The user's command line.
        argv: Vec<String>,
    },
    /// The user has started QEMU; these are its sockets.
    Attach {
        /// The serial console.
        serial: PathBuf,
        /// What QEMU calls the character device behind it.
        console: String,
        /// QMP: without it nothing is known of the vCPUs.
        qmp: Option<PathBuf>,
    },
    /// There is nothing but the console, on standard input.
    Stdin,
}

impl GuestSpec {
    /// Whether the lab has planned how the guest boots.
    pub const fn is_planned(&self) -> bool {
        matches!(self, Self::Planned { .. })
    }
}
