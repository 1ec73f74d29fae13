//! What can go wrong with the run directory.

use std::path::{Path, PathBuf};

/// A run directory that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file could not be written; often the disk is full.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Whether it is no whole JSON: its writer died, or the host lost power.
        is_torn: bool,
    },
    /// Another lab works in the folder.
    #[error("{} is in use{}: wait until that run ends, or interrupt it", path.display(), by(*pid))]
    InUse {
        /// The run's folder.
        path: PathBuf,
        /// The lab's process id, if known.
        pid: Option<u32>,
    },
    /// A file was removed on purpose.
    #[error("{} was removed by the retention of old runs", path.display())]
    Removed {
        /// The file.
        path: PathBuf,
    },
    /// The run was written by a newer program.
    #[error(
        "{} has format {found}, this program knows formats up to {known}: read it with the oomlab that wrote it", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest known one.
        known: u32,
    },
    /// No such run or trial.
    #[error("there is no run at {}: `oomlab run` prints where it puts its runs, `--out` names the place", path.display())]
    NoRun {
        /// Where it was looked for.
        path: PathBuf,
    },
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" by process {pid}")).unwrap_or_default()
}

impl StoreError {
    pub(super) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    /// A file whose content contradicts itself or its place.
    pub(super) fn wrong(path: &Path, reason: String) -> Self {
        Self::Damaged { path: path.to_owned(), reason: model::printable(&reason), is_torn: false }
    }

    pub(super) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }
}
