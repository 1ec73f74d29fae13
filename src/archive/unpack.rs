//! An archive of a run, unpacked.

use super::error::ArchiveError;
use super::reader::{Limits, Member, ReadError, Reader, damaged};
use super::save::SaveError;
use crate::store::RunDir;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// A night of some thousand trials, each with a dump of its RAM.
const LIMITS: Limits = Limits { bytes: 256 << 30, members: 4_000_000 };

/// Less the umask, as the lab's own files.
const MODE: u32 = 0o666;

/// Unpacks a run into `into`, an empty folder; returns the run's folder, which is in it.
///
/// # Errors
/// When the archive cannot be read, is larger than any run, has anything but files and folders, names a path outside of its folder,
/// or holds no run; when a file cannot be written, or `cancel` is cancelled.
pub fn unpack_run(archive: &Path, into: &Path, cancel: &CancellationToken) -> Result<PathBuf, ArchiveError> {
    unpack(archive, into, LIMITS, cancel)
}

pub(super) fn unpack(
    archive: &Path,
    into: &Path,
    limits: Limits,
    cancel: &CancellationToken,
) -> Result<PathBuf, ArchiveError> {
    let refused = |error| ArchiveError::refused(archive, error);
    let mut reader = Reader::open(archive, limits, cancel).map_err(refused)?;
    let mut root = None;
    for member in reader.members().map_err(refused)? {
        let mut member = member.map_err(refused)?;
        let path = into.join(&member.path);
        root.get_or_insert_with(|| member.path.iter().next().map(|name| into.join(name)));
        write(&mut member, &path).map_err(|error| match error {
            SaveError::Read(error) => refused(damaged(error)),
            SaveError::Exists => {
                let twice = format!("`{}` is in it twice", model::printable(&member.path.to_string_lossy()));
                refused(ReadError::Foreign(twice))
            }
            SaveError::Write(source) => ArchiveError::Write { path: path.clone(), source },
        })?;
    }
    reader.finish().map_err(refused)?;
    let foreign = |reason: &str| refused(ReadError::Foreign(reason.to_owned()));
    let run = root.flatten().ok_or_else(|| foreign("it is empty"))?;
    RunDir::open(&run).map_err(|_| foreign("there is no run.json in it"))?;
    Ok(run)
}

fn write(member: &mut Member<'_>, path: &Path) -> Result<(), SaveError> {
    if member.is_folder {
        return fs::create_dir_all(path).map_err(SaveError::Write);
    }
    let file = member.save(path, MODE, |_| ())?;
    // The time of a record says when its trial ended.
    let modified = UNIX_EPOCH.checked_add(Duration::from_secs(member.modified())).unwrap_or(UNIX_EPOCH);
    file.set_modified(modified).map_err(SaveError::Write)
}
