//! How the lab itself can fail.

use crate::host::SpawnError;
use crate::store::StoreError;

/// The lab failed. Whatever the guest's kernel does is never one of these.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The run directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// QEMU.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Something else of the operating system's.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}
