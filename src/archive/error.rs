//! Why a trial or a run cannot be packed, and an archive not be read.

use super::reader::ReadError;
use crate::report::{GuestFile, ScriptError};
use std::path::{Path, PathBuf};

/// A trial that cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Its QEMU was never started.
    #[error("the guest of this trial was never started: `oomlab repro` runs the trial again")]
    NotStarted,
    /// A file of the guest is gone.
    #[error("there is no {} any more, the {file} of this trial: `oomlab repro` makes it again; pack the trial of that run", path.display())]
    Gone {
        /// Which one.
        file: GuestFile,
        /// Where it was.
        path: PathBuf,
    },
    /// A file of the guest is not the one that was booted, or the record does not say which one was.
    #[error("{} is not the {file} of this trial any more: `oomlab repro` makes it again; pack the trial of that run", path.display())]
    Changed {
        /// Which one.
        file: GuestFile,
        /// Where it is.
        path: PathBuf,
    },
    /// The key of the guest's root disk is gone.
    #[error(
        "the key that logs in to the root disk of this trial is gone: `oomlab repro` makes both again; pack the trial of that run"
    )]
    NoKey,
    /// The trial's folder does not have its test.
    #[error("there is no {}, the test of this trial: `oomlab repro` runs it again; pack the trial of that run", .0.display())]
    NoTest(PathBuf),
    /// A packed file would name a folder of this host.
    #[error("{file}, line {line}: it names `{path}` of this host; with `--allow-paths` it is packed as it is")]
    HostPath {
        /// Name in the archive.
        file: String,
        /// Line, from 1.
        line: usize,
        /// The folder.
        path: String,
    },
    /// There is no script for the trial.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The archive exists.
    #[error("{} exists: `--force` replaces it, `--out` names another file", .0.display())]
    Exists(PathBuf),
    /// An archive that `oomlab archive` did not write, or that was damaged since.
    #[error("{} is no archive of a run: {reason}; `oomlab archive` writes them", path.display())]
    Foreign {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An archive that is larger than one that is read.
    #[error("{} unpacks to more than {max}: unpack it with tar, if you trust it, and name the folder", path.display())]
    TooLarge {
        /// The archive.
        path: PathBuf,
        /// What it has too much of.
        max: String,
    },
    /// The run cannot be packed: a lab works in it, or it is damaged.
    #[error(transparent)]
    Store(crate::store::StoreError),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The archive cannot be written; often the disk is full.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ArchiveError {
    /// The archive is not read.
    pub(super) fn refused(archive: &Path, error: ReadError) -> Self {
        let path = archive.to_owned();
        match error {
            ReadError::Open(source) => Self::Read { path, source },
            ReadError::Foreign(reason) => Self::Foreign { path, reason },
            ReadError::TooLarge(max) => Self::TooLarge { path, max },
        }
    }

    pub(super) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    pub(super) fn write(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}
