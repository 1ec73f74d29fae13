//! The specification of a trial.

use crate::host::{Accelerator, Login};
use model::{Accel, Cell, Digest, KernelArtifact, RamMib};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Version of a trial's spec.
pub const SPEC_SCHEMA: u32 = 1;

/// A cell's prepared kernel and guest image.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The kernel.
    pub kernel: KernelArtifact,
    /// The initramfs and its digest.
    pub initrd: Option<(PathBuf, Digest)>,
    /// The firmware and its digest; `None` for what QEMU brings.
    pub firmware: Option<(PathBuf, Digest)>,
    /// The test that is run over SSH.
    pub test: Option<Test>,
    /// The accelerator of the cell's architecture.
    pub accelerator: Accelerator,
}

/// A test that the lab runs over SSH in a guest with a root disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// The disk.
    pub disk: TestDisk,
    /// What `/bin/sh` runs: it has the workload's options.
    pub script: String,
    /// Files to fetch when it has ended.
    pub fetch: Vec<String>,
}

/// A root disk, and what it takes to log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestDisk {
    /// The raw image, which guests share.
    pub path: PathBuf,
    /// Digest of its content.
    pub digest: Digest,
    /// How to log in.
    pub login: Login,
}

/// A complete specification of one boot: any process that sees its files can run it.
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
    /// The firmware and its digest; `None` for what QEMU brings.
    pub firmware: Option<(PathBuf, Digest)>,
    /// The test that is run over SSH, in guests with a root disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
    /// What executes the guest.
    pub accel: Accel,
    /// Maximum RAM of a guest whose memory is dumped after a hang or a crash; `None` for no dump.
    pub max_dump: Option<RamMib>,
    /// Titles of which an earlier trial of the cell has the diagnostics, and the trial's number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub diagnosed: BTreeMap<String, u32>,
}

impl TrialSpec {
    /// How to log in to the guest.
    pub(super) fn login(&self) -> Option<Login> {
        self.test.as_ref().map(|test| test.disk.login.clone())
    }
}

/// Where a guest comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuestSpec {
    /// The command line follows from the cell.
    Planned {
        /// A program in place of the architecture's QEMU.
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
        /// QEMU's id of its chardev.
        console: String,
        /// The QMP monitor; without it the vCPUs cannot be observed.
        qmp: Option<PathBuf>,
    },
    /// Only a console, on standard input.
    Stdin,
}

impl GuestSpec {
    /// Whether the lab has planned how the guest boots.
    pub const fn is_planned(&self) -> bool {
        matches!(self, Self::Planned { .. })
    }
}
