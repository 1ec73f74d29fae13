//! A run's folder in one file.

use super::destination::Destination;
use super::error::ArchiveError;
use super::tarball::{Folder, Packed, seconds_of};
use crate::store::{RunDir, StoreError, open_regular};
use model::RunId;
use std::fs::File;
use std::io::{self, Read, Take};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use tokio_util::sync::CancellationToken;

/// Maximum depth of folders in that of a run.
const MAX_DEPTH: u32 = 8;

/// Whether a file, by its name below the run's folder, is of the lab that worked in it: its process id, and what it was writing into the
/// folders of the run and of its trials. Those further down are of guests.
fn is_of_a_lab(name: &str) -> bool {
    let is_part = || name.rsplit('/').next().is_some_and(|last| last.starts_with(".part-"));
    name == "lock" || name.matches('/').count() <= 2 && is_part()
}

/// A file of a run.
struct RunFile {
    /// Below the run's folder.
    name: String,
    path: PathBuf,
    bytes: u64,
    modified: u64,
}

/// Packs a run with all that is in its folder, but not the sessions of bisections; returns the number of files, and the size of the
/// archive in bytes. Its folder has the name that the run's folder has now.
///
/// # Errors
/// When a lab works in the folder, a file cannot be read or changes meanwhile, the archive cannot be written, or `cancel` is cancelled.
pub fn pack_run(
    run: &RunDir,
    destination: Destination,
    cancel: &CancellationToken,
) -> Result<(usize, u64), ArchiveError> {
    let head = run.head()?;
    let _lock = run.lock()?;
    let mut files = Vec::new();
    collect(run.path(), "", &mut files, MAX_DEPTH)?;
    let name = folder_name(run)?;
    let folder = Folder { name: name.as_str(), modified: seconds_of(&head.started), first: None };
    Ok((files.len(), destination.write(&files, folder, cancel)?))
}

/// The name of a run's folder. That in its `run.json` may be an earlier one, or another user's.
///
/// # Errors
/// When the folder is gone, or has no name.
pub fn folder_name(run: &RunDir) -> Result<RunId, ArchiveError> {
    let path = run.path().canonicalize().map_err(ArchiveError::read(run.path()))?;
    let name = path.file_name().ok_or_else(|| ArchiveError::read(run.path())(io::Error::other("it has no name")))?;
    Ok(RunId::new(name.to_string_lossy()))
}

/// The files of a folder and those below it. A link could lead to any file of this host.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<RunFile>, depth: u32) -> Result<(), ArchiveError> {
    let failed = ArchiveError::read;
    for entry in folder.read_dir().map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(failed(&path))?;
        // The lab gives no file another name.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if is_of_a_lab(&format!("{prefix}{name}")) {
            continue;
        }
        if kind.is_dir() && depth > 0 && (!prefix.is_empty() || name == "cells") {
            collect(&path, &format!("{prefix}{name}/"), files, depth - 1)?;
        } else if kind.is_file() {
            let metadata = entry.metadata().map_err(failed(&path))?;
            let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let modified = modified.map_or(0, |time| time.as_secs());
            files.push(RunFile { name: format!("{prefix}{name}"), path, bytes: metadata.len(), modified });
        }
    }
    Ok(())
}

impl Packed for RunFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn mode(&self) -> u32 {
        0o644
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn modified(&self) -> Option<u64> {
        Some(self.modified)
    }

    /// Opened when it is read: a run may have more files than a process may have open.
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(Late { file: self, open: None }))
    }
}

struct Late<'f> {
    file: &'f RunFile,
    open: Option<Take<File>>,
}

impl Read for Late<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let RunFile { path, bytes, .. } = self.file;
        let changed = || io::Error::other(format!("{} changes while it is packed; try again", path.display()));
        let input = match &mut self.open {
            Some(input) => input,
            none => {
                let file = open_regular(path)?;
                if file.metadata()?.len() != *bytes {
                    return Err(changed());
                }
                none.insert(file.take(*bytes))
            }
        };
        let length = input.read(buffer)?;
        if length == 0 && input.limit() > 0 && !buffer.is_empty() {
            return Err(changed());
        }
        Ok(length)
    }
}

impl From<StoreError> for ArchiveError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
