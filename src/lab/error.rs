//! Failures of the lab itself.

use crate::guest::OpenError;
use crate::slurm::SlurmError;
use crate::store::StoreError;
use model::{Kind, RuleId, Verdict};

/// A failure of the lab, never of the guest's kernel.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The run directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The guest could not be started or found.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// QEMU runs, and has not opened its serial console in time.
    #[error("QEMU did not open the serial socket: {source}")]
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
    /// The disk has no room for a trial's files.
    #[error("no room for a trial in {}: waited for {shortage}; make room, and resume the run", folder.display())]
    NoRoom {
        /// What is missing.
        shortage: crate::schedule::Shortage,
        /// The run's folder.
        folder: std::path::PathBuf,
    },
    /// The process that runs a trial.
    #[error("`{} trial`: {source}", program.display())]
    Executor {
        /// The program.
        program: std::path::PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A command of Slurm.
    #[error(transparent)]
    Slurm(#[from] SlurmError),
    /// A task of Slurm, or the part of the lab that follows it.
    #[error("{why}")]
    Dispatcher {
        /// What happened.
        why: String,
    },
    /// A node does not see a file that the trial needs.
    #[error(
        "node {node} does not see {}: the cache (OOMLAB_CACHE), a pack, and the user's own kernels and images must lie on a file system that \
         all nodes share", path.display()
    )]
    NotShared {
        /// Name of the node.
        node: String,
        /// The file.
        path: std::path::PathBuf,
    },
    /// A guest of a lab that was killed.
    #[error(
        "a guest of the lab that was killed still runs{}, for {}: end it, then resume the run", of(*pid), folder.display()
    )]
    Survivor {
        /// Process id of QEMU, if known.
        pid: Option<u32>,
        /// The trial's folder.
        folder: std::path::PathBuf,
    },
    /// The session over which a test runs.
    #[error("cannot run the test over SSH: {source}")]
    Session {
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

fn of(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" as process {pid}")).unwrap_or_default()
}

impl LabError {
    /// The verdict on a trial that ended for this reason.
    pub fn verdict(&self) -> Verdict {
        let kind = match self {
            Self::Store(_) | Self::Disk { .. } | Self::NoRoom { .. } => Kind::StoreFailed,
            Self::Open(_) | Self::Console { .. } => Kind::QemuFailed,
            Self::Session { .. } | Self::NotShared { .. } => Kind::ImageUnavailable,
            Self::Executor { .. }
            | Self::Io { .. }
            | Self::Survivor { .. }
            | Self::Slurm(_)
            | Self::Dispatcher { .. } => Kind::QemuDied,
        };
        Verdict::new(kind, RuleId::Driver, self.to_string())
    }
}
