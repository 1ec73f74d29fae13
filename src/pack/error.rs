//! Why a pack cannot be made or run.

use std::path::{Path, PathBuf};

const REMEDY: &str = "copy the pack again, or make it again with `oomlab pack`";

/// A pack that cannot be made or run.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It is no pack.
    #[error("{} is no pack: {reason}; name a folder or an archive that `oomlab pack` made", path.display())]
    NoPack {
        /// What was named.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Another version of the program made it.
    #[error(
        "the pack has the format {found}, and this program knows {known}: run it with its own program, `run.sh`, or make it again"
    )]
    Schema {
        /// The version of its format.
        found: u64,
        /// That of this program's.
        known: u32,
    },
    /// `pack.json` is wrong.
    #[error("pack.json is wrong: {reason}; {REMEDY}")]
    Manifest {
        /// Why.
        reason: String,
    },
    /// The pack would be larger than any that is read.
    #[error("the pack would be refused where it runs: {reason}; `--filter` packs fewer cells")]
    TooLarge {
        /// What is too large.
        reason: String,
    },
    /// A file is missing.
    #[error("there is no {file} in the pack; {REMEDY}")]
    Missing {
        /// Its name in the pack.
        file: String,
    },
    /// A file is not the one that was packed.
    #[error("{file} is not the file that was packed: {reason}; {REMEDY}")]
    Changed {
        /// Its name in the pack.
        file: String,
        /// What differs.
        reason: String,
    },
    /// The archive is damaged, or not one of a pack.
    #[error("cannot unpack {}: {reason}; {REMEDY}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A packed text would name a folder of this host.
    #[error("{file}, line {line}: it names `{path}` of this host; with `--allow-paths` it is packed as it is")]
    HostPath {
        /// Name in the pack.
        file: String,
        /// Line, from 1.
        line: usize,
        /// The folder.
        path: String,
    },
    /// There is something in the pack's place.
    #[error("{} exists: `--force` replaces an archive, `--out` names another place", .0.display())]
    Exists(PathBuf),
    /// A library of this program is not the one that is loaded.
    #[error("{} was replaced since this program started: start `oomlab pack` again", .0.display())]
    Replaced(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written; often the disk is full.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl PackError {
    pub(super) fn read(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    pub(super) fn write(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}
