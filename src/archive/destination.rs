//! The place of an archive that is written.

use super::error::ArchiveError;
use super::tarball::{Folder, Packed, Tar, compress};
use crate::host::{Cancellable, ScratchDir};
use rustix::fs::{Mode, fchmod};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

/// The place of an archive. What a killed program has not written to its end is removed with the next one beside it.
#[derive(Debug)]
pub struct Destination {
    out: PathBuf,
    replace: bool,
    scratch: ScratchDir,
}

impl Destination {
    /// Makes sure that an archive can be written to `out`, before all that takes long. `replace`: whether it may replace a file.
    ///
    /// # Errors
    /// When there is a file already, or none can be written.
    pub fn new(out: &Path, replace: bool) -> Result<Self, ArchiveError> {
        if out.is_dir() {
            let source = io::Error::other("it is a folder; name a file");
            return Err(ArchiveError::Write { path: out.to_owned(), source });
        }
        if !replace && out.exists() {
            return Err(ArchiveError::Exists(out.to_owned()));
        }
        let beside = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let scratch = ScratchDir::create_in(beside).map_err(ArchiveError::write(out))?;
        Ok(Self { out: out.to_owned(), replace, scratch })
    }

    /// Writes an archive with one folder; returns its size in bytes. Readers see nothing or all of it. The owner of its files is 0.
    ///
    /// # Errors
    /// When there is a file by now, the archive cannot be written, or `cancel` is cancelled.
    pub fn write<P: Packed>(
        self,
        files: &[P],
        folder: Folder<'_>,
        cancel: &CancellationToken,
    ) -> Result<u64, ArchiveError> {
        let Self { out, replace, scratch } = self;
        let failed = ArchiveError::write(&out);
        let part = NamedTempFile::new_in(scratch.path()).map_err(&failed)?;
        let save = || -> io::Result<u64> {
            compress(Cancellable::new(Tar::new(files, folder)?, cancel), part.as_file())?;
            fchmod(&part, Mode::from_raw_mode(0o644))?;
            Ok(part.as_file().metadata()?.len())
        };
        let bytes = save().map_err(&failed)?;
        let moved = if replace { part.persist(&out) } else { part.persist_noclobber(&out) };
        match moved.map_err(|error| error.error) {
            Ok(_) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(ArchiveError::Exists(out.clone())),
            Err(error) => Err(failed(error)),
        }
    }
}
