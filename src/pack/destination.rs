//! The place of a pack: an archive, or a folder.

use super::error::PackError;
use super::manifest::MANIFEST;
use crate::archive::{self, ArchiveError, Entry, Folder, Packed, SaveError, save};
use crate::host::{Cancellable, ScratchDir};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// The time of all files of an archive: 2000-01-01. A plan has no time, and tar(1) warns of 1970.
const MTIME: u64 = 946_684_800;
/// Maximum length of the name of an archive's folder: with that of an object it fits into the header of a tar.
const MAX_ROOT: usize = 24;

/// The name of the folder in an archive of a plan, in the letters that all file systems know.
pub fn root(plan: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = plan.chars().map(plain).take(MAX_ROOT).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "pack".to_owned() } else { name.to_owned() }
}

/// The place of a pack: an archive where its name ends in `.tar.zst`, else a folder.
#[derive(Debug)]
pub struct Destination(Kind);

#[derive(Debug)]
enum Kind {
    Archive(archive::Destination),
    Folder { out: PathBuf, scratch: ScratchDir },
}

impl Destination {
    /// Makes sure that a pack can be written to `out`, before all that takes long. `replace`: whether an archive may replace a file.
    ///
    /// # Errors
    /// When there is something already, or nothing can be written there.
    pub fn new(out: &Path, replace: bool) -> Result<Self, PackError> {
        if out.to_string_lossy().ends_with(".tar.zst") {
            return Ok(Self(Kind::Archive(archive::Destination::new(out, replace).map_err(of_archive(out))?)));
        }
        // rename(2) replaces an empty folder alone.
        let is_free =
            out.read_dir().map_or_else(|error| error.kind() == ErrorKind::NotFound, |mut all| all.next().is_none());
        if !is_free {
            return Err(PackError::Exists(out.to_owned()));
        }
        let parent = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let scratch = ScratchDir::create_in(parent).map_err(PackError::write(out))?;
        Ok(Self(Kind::Folder { out: out.to_owned(), scratch }))
    }

    /// Writes a pack; `name` is that of the folder in an archive. Readers see nothing or all of it. Returns its size in bytes.
    ///
    /// # Errors
    /// When there is something by now, it cannot be written, or `cancel` is cancelled.
    pub fn write(self, entries: &[Entry], name: &str, cancel: &CancellationToken) -> Result<u64, PackError> {
        match self.0 {
            Kind::Archive(destination) => {
                let folder = Folder { name, modified: MTIME, first: Some(MANIFEST) };
                destination.write(entries, folder, cancel).map_err(of_archive(Path::new(name)))
            }
            Kind::Folder { out, scratch } => write_folder(entries, &out, scratch, cancel),
        }
    }
}

fn of_archive(out: &Path) -> impl Fn(ArchiveError) -> PackError {
    move |error| match error {
        ArchiveError::Exists(path) => PackError::Exists(path),
        ArchiveError::Write { path, source } => PackError::Write { path, source },
        other => PackError::write(out)(io::Error::other(other)),
    }
}

fn write_folder(
    entries: &[Entry],
    out: &Path,
    scratch: ScratchDir,
    cancel: &CancellationToken,
) -> Result<u64, PackError> {
    let mut bytes = 0;
    for entry in entries {
        let path = scratch.path().join(&entry.artifact().file);
        let folder = path.parent().unwrap_or(scratch.path());
        fs::create_dir_all(folder).map_err(PackError::write(folder))?;
        let content = entry.open().map_err(PackError::read(&path))?;
        save(Cancellable::new(content, cancel), &path, entry.mode()).map_err(|error| match error {
            SaveError::Read(error) => PackError::read(Path::new(&entry.artifact().file))(error),
            SaveError::Exists => PackError::Exists(path.clone()),
            SaveError::Write(error) => PackError::write(out)(error),
        })?;
        bytes += entry.artifact().bytes;
    }
    scratch.persist(out).map_err(PackError::write(out))?;
    Ok(bytes)
}
