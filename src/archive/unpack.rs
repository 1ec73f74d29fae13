//! An archive of a run, unpacked. It is untrusted input: nothing of it is written outside of the folder, and nothing but files.

use super::error::ArchiveError;
use crate::store::{RunDir, open_regular};
use ruzstd::decoding::StreamingDecoder;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tar::{Entry, EntryType};

/// How much may be in an archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Length of the tar in bytes.
    pub bytes: u64,
    /// Number of files and folders.
    pub entries: u64,
}

/// A night of some thousand trials, each with a dump of its RAM.
const LIMITS: Limits = Limits { bytes: 256 << 30, entries: 4_000_000 };

/// Maximum length of a path in bytes (`PATH_MAX` of Linux).
const MAX_PATH: u64 = 4096;

/// Maximum number of names in a path: of the run, `cells`, of the trial, and of the folders in that.
const MAX_DEPTH: usize = 11;

/// Unpacks a run into `into`, an empty folder; returns the run's folder, which is in it.
///
/// # Errors
/// When the archive cannot be read, is larger than any run, has anything but files and folders, names a path outside of its folder,
/// or holds no run; when a file cannot be written.
pub fn unpack_run(archive: &Path, into: &Path) -> Result<PathBuf, ArchiveError> {
    unpack(archive, into, LIMITS)
}

pub(super) fn unpack(archive: &Path, into: &Path, limits: Limits) -> Result<PathBuf, ArchiveError> {
    let foreign =
        |reason: String| ArchiveError::Foreign { path: archive.to_owned(), reason: model::printable(&reason) };
    let too_large = |max: String| ArchiveError::TooLarge { path: archive.to_owned(), max };
    let file = open_regular(archive).map_err(ArchiveError::read(archive))?;
    let decoder =
        StreamingDecoder::new(io::BufReader::new(file)).map_err(|error| foreign(format!("no zstd: {error}")))?;
    let damaged = |error: io::Error| foreign(error.to_string());
    let mut tar = tar::Archive::new(decoder.take(limits.bytes));
    let (mut root, mut long, mut count, mut bytes) = (None, None, 0_u64, 0_u64);
    // Raw: a name of any length would be read into memory otherwise.
    for entry in tar.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        (count, bytes) = (count + 1, bytes.saturating_add(entry.size()));
        if count > limits.entries {
            return Err(too_large(format!("{} files", limits.entries)));
        }
        if bytes > limits.bytes {
            return Err(too_large(format!("{} GiB", limits.bytes >> 30)));
        }
        match entry.header().entry_type() {
            EntryType::GNULongName if entry.size() <= MAX_PATH => {
                let mut name = Vec::new();
                entry.read_to_end(&mut name).map_err(damaged)?;
                name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                long = Some(name);
            }
            EntryType::Regular | EntryType::Directory => {
                let name = long.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                let name = String::from_utf8_lossy(&name).into_owned();
                let path =
                    inside(&name).ok_or_else(|| foreign(format!("the path `{name}` leads out of its folder")))?;
                let first = path.iter().next().unwrap_or_default().to_owned();
                if *root.get_or_insert_with(|| first.clone()) != first {
                    return Err(foreign("it has more than one folder".to_owned()));
                }
                write(&mut entry, &into.join(&path)).map_err(|error| match error {
                    Failed::Read(error) => damaged(error),
                    Failed::Twice => foreign(format!("`{name}` is in it twice")),
                    Failed::Write(source) => ArchiveError::Write { path: into.join(&path), source },
                })?;
            }
            other => {
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                return Err(foreign(format!("`{name}` is neither a file nor a folder ({other:?})")));
            }
        }
    }
    let run = into.join(root.ok_or_else(|| foreign("it is empty".to_owned()))?);
    RunDir::open(&run).map_err(|_| foreign("there is no run.json in it".to_owned()))?;
    Ok(run)
}

enum Failed {
    Read(io::Error),
    Twice,
    Write(io::Error),
}

/// A path whose names all lead further in.
fn inside(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    let count = path.components().count();
    // `a/./b` has the components of `a/b`.
    (is_inside && (1..=MAX_DEPTH).contains(&count) && name.len() as u64 <= MAX_PATH && !name.contains('\0'))
        .then(|| path.components().collect())
}

/// Writes a file or makes a folder. No link is ever in the folder, so that its paths lead nowhere else.
fn write(entry: &mut Entry<'_, impl Read>, path: &Path) -> Result<(), Failed> {
    let is_folder = entry.header().entry_type() == EntryType::Directory;
    let folder = if is_folder { Some(path) } else { path.parent() };
    folder.map_or(Ok(()), fs::create_dir_all).map_err(Failed::Write)?;
    if is_folder {
        return Ok(());
    }
    let modified = entry.header().mtime().unwrap_or(0);
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = created.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failed::Twice,
        _ => Failed::Write(error),
    })?;
    copy(entry, &mut file)?;
    // The time of a record says when its trial ended.
    let modified = UNIX_EPOCH.checked_add(Duration::from_secs(modified)).unwrap_or(UNIX_EPOCH);
    file.set_modified(modified).map_err(Failed::Write)
}

/// Copies to the end of the entry; errors of the archive and of the disk stay apart.
fn copy(entry: &mut Entry<'_, impl Read>, file: &mut File) -> Result<(), Failed> {
    let (mut buffer, mut left) = (vec![0; 128 << 10], entry.size());
    while left > 0 {
        let length = entry.read(&mut buffer).map_err(Failed::Read)?;
        if length == 0 {
            return Err(Failed::Read(io::Error::new(ErrorKind::UnexpectedEof, "it ends in the middle of a file")));
        }
        io::Write::write_all(file, &buffer[..length]).map_err(Failed::Write)?;
        left = left.saturating_sub(length as u64);
    }
    Ok(())
}
