//! Whether a run's folder is as it was when it was read: by what its files say of themselves, without reading them.

use crate::store::FURTHER;
use sha2::{Digest as _, Sha256};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Two folders with the same stamp have the same content, as far as the lab writes it: it replaces whole files, so that an
/// inode and a time belong to one content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<u8>);

impl Stamp {
    /// Of the files about the whole run, and of the list of its trials. The lab writes `run.json` last, so that this tells
    /// all of a run that has ended.
    pub fn of_run(folder: &Path) -> Self {
        let mut hash = Sha256::new();
        for name in ["run.json", "plan.json", FURTHER, "cells"] {
            add(&mut hash, std::fs::metadata(folder.join(name)).ok());
        }
        Self::of(hash)
    }

    /// Of each finished trial.
    pub fn of_trials(folder: &Path) -> Self {
        let cells = folder.join("cells").read_dir().into_iter().flatten().flatten();
        let mut names: Vec<_> = cells.map(|cell| cell.path().join("trial.json")).collect();
        names.sort_unstable();
        let mut hash = Sha256::new();
        for name in names {
            if let Ok(file) = std::fs::metadata(&name) {
                hash.update(name.as_os_str().as_encoded_bytes());
                add(&mut hash, Some(file));
            }
        }
        Self::of(hash)
    }

    /// As the index keeps it.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// As [`Stamp::from_bytes`] reads it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn of(hash: Sha256) -> Self {
        Self(hash.finalize()[..16].to_vec())
    }
}

fn add(hash: &mut Sha256, file: Option<Metadata>) {
    match file {
        None => hash.update([0]),
        Some(file) => {
            hash.update([1]);
            hash.update(file.ino().to_le_bytes());
            hash.update(file.len().to_le_bytes());
            hash.update(file.mtime().to_le_bytes());
            hash.update(file.mtime_nsec().to_le_bytes());
        }
    }
}
