//! Writes a pack: as an archive, or as a folder.

use super::error::PackError;
use super::manifest::MANIFEST;
use crate::archive::{self, ArchiveError, Entry, Folder, Packed};
use crate::host::private_dir_in;
use rustix::fs::{Mode, chmod};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

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

/// Writes a pack to `out`: an archive with the folder `name` where its own name ends in `.tar.zst`, else a folder. Readers see nothing or all of it.
/// `replace`: whether an archive may replace a file. Returns its size in bytes.
///
/// # Errors
/// When there is something already, or it cannot be written.
pub fn write(entries: &[Entry], name: &str, out: &Path, replace: bool) -> Result<u64, PackError> {
    if out.to_string_lossy().ends_with(".tar.zst") {
        let folder = Folder { name, modified: MTIME, first: Some(MANIFEST) };
        return archive::write(entries, folder, out, replace).map_err(|error| match error {
            ArchiveError::Exists(path) => PackError::Exists(path),
            ArchiveError::Write { path, source } => PackError::Write { path, source },
            other => PackError::write(out)(io::Error::other(other)),
        });
    }
    write_folder(entries, out)
}

fn write_folder(entries: &[Entry], out: &Path) -> Result<u64, PackError> {
    // rename(2) replaces an empty folder alone.
    let is_free =
        out.read_dir().map_or_else(|error| error.kind() == ErrorKind::NotFound, |mut all| all.next().is_none());
    if !is_free {
        return Err(PackError::Exists(out.to_owned()));
    }
    let failed = PackError::write(out);
    let parent = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = private_dir_in(parent, ".pack-").map_err(&failed)?;
    let mut bytes = 0;
    for entry in entries {
        let path = scratch.path().join(&entry.artifact().file);
        let folder = path.parent().unwrap_or(scratch.path());
        fs::create_dir_all(folder).map_err(PackError::write(folder))?;
        let content = entry.open().map_err(PackError::read(&path))?;
        save(content, &path, entry.mode()).map_err(&failed)?;
        bytes += entry.artifact().bytes;
    }
    let mode = Mode::from_raw_mode(0o755);
    chmod(scratch.path(), mode).map_err(|errno| failed(errno.into()))?;
    fs::rename(scratch.path(), out).map_err(&failed)?;
    let _ = scratch.keep();
    Ok(bytes)
}

/// Writes a new file; blocks of zeros, of which a root disk has most, take no space.
pub(super) fn save(mut content: impl Read, path: &Path, mode: u32) -> io::Result<u64> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        let length = content.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        let part = &buffer[..length];
        if part.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Current(length as i64))?;
        } else {
            file.write_all(part)?;
        }
        bytes += length as u64;
    }
    File::set_len(&file, bytes)?;
    Ok(bytes)
}
