//! What other processes need to know about a guest that stays.

use model::{CellId, KernelArtifact, TrialRecord};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of the description.
const SCHEMA: u32 = 1;

/// A guest that stays after its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptGuest {
    schema: u32,
    /// Its cell.
    pub cell: CellId,
    /// Number of the trial.
    pub trial: u32,
    /// The verdict's outcome and kind.
    pub verdict: String,
    /// The trial's folder.
    pub folder: PathBuf,
    /// Its kernel.
    pub kernel: KernelArtifact,
    /// Process id of QEMU; it names the guest.
    pub qemu: u32,
    /// How to log in over SSH; `None` without a root disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
}

/// What it takes to log in as root of a guest with a root disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// File with root's private key, in OpenSSH's format.
    pub key: PathBuf,
    /// The server's key, as in a line of `known_hosts`.
    pub host_key: String,
}

impl KeptGuest {
    /// The guest of a trial that has ended.
    pub fn new(kernel: &KernelArtifact, record: &TrialRecord, folder: &Path, qemu: u32) -> Self {
        let cell = &record.cell;
        Self {
            schema: SCHEMA,
            cell: cell.id.clone(),
            trial: record.trial,
            verdict: format!("{}/{}", record.verdict.outcome(), record.verdict.kind),
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
            kernel: kernel.clone(),
            qemu,
            login: None,
        }
    }

    /// A guest with a shell in place of a trial; `folder` is that of its sockets.
    pub fn shell(kernel: &KernelArtifact, cell: &CellId, folder: &Path, qemu: u32) -> Self {
        Self {
            schema: SCHEMA,
            cell: cell.clone(),
            trial: 1,
            verdict: "a shell".to_owned(),
            folder: folder.to_owned(),
            kernel: kernel.clone(),
            qemu,
            login: None,
        }
    }

    /// The same, of a guest with a root disk.
    #[must_use]
    pub fn with_login(self, login: Option<Login>) -> Self {
        Self { login, ..self }
    }

    /// Whether this program understands the description.
    pub const fn is_known(&self) -> bool {
        self.schema == SCHEMA
    }
}
