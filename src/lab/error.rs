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
    /// QEMU runs, and has not opened its serial console in time.
    #[error("the serial console was never there: {source}")]
    Console {
        /// Which, and why not.
        source: std::io::Error,
    },
    /// The file behind a guest's scratch disk.
    #[error("cannot make a scratch disk of {mib} MiB in {}: {source}", folder.display())]
    Disk {
        /// Size of the disk.
        mib: u64,
        /// Where its file would be.
        folder: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something else of the operating system's.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}
