//! JSON files that carry a version and are never seen half-written.

use super::{StoreError, read_regular};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// How the name of a file begins while it is written.
const PART: &str = ".part-";

/// Maximum length of a file that is read: a plan of the most cells that a matrix may have is shorter.
const MAX_JSON: u64 = 512 << 20;

/// Maximum length of a trial's record: its texts are bounded. As values, before it is upgraded, it takes twenty times as much.
pub(super) const MAX_RECORD: u64 = 8 << 20;

/// Writes `value` to `path`: readers see the old file or the new one, never a part.
///
/// # Errors
/// When it cannot be written.
pub fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    save(path, json(value), |_| Ok(())).map_err(StoreError::write(path))
}

/// Writes a text in the same way. A symbolic link in its place is replaced, not followed: the folder may come from others.
///
/// # Errors
/// When it cannot be written.
pub fn write_text(path: &Path, text: &str) -> Result<(), StoreError> {
    save(path, |file| file.write_all(text.as_bytes()), |_| Ok(())).map_err(StoreError::write(path))
}

/// The same for a file that a run cannot do without: it survives a loss of power, too.
///
/// # Errors
/// When it cannot be written.
pub fn write_durably<T: Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let done = save(path, json(value), File::sync_all).and_then(|()| File::open(folder(path))?.sync_all());
    done.map_err(StoreError::write(path))
}

fn json<T: Serialize>(value: &T) -> impl FnOnce(&mut NamedTempFile) -> io::Result<()> {
    |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        file.write_all(b"\n")
    }
}

fn save(
    path: &Path,
    write: impl FnOnce(&mut NamedTempFile) -> io::Result<()>,
    sync: fn(&File) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = NamedTempFile::with_prefix_in(PART, folder(path))?;
    write(&mut file)?;
    rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o644))?;
    sync(file.as_file())?;
    file.persist(path)?;
    Ok(())
}

/// Removes what a killed lab has not written to its end in a folder.
pub(super) fn remove_parts(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_part = entry.file_name().to_string_lossy().starts_with(PART) && entry.file_type()?.is_file();
        if is_part {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reads a file whose `schema` must not be newer than `known`.
///
/// # Errors
/// When it cannot be read, is damaged or of a newer format.
pub fn read<T: DeserializeOwned>(path: &Path, known: u32) -> Result<T, StoreError> {
    let bytes = read_regular(path, MAX_JSON).map_err(StoreError::read(path))?;
    check_schema(path, &bytes, known)?;
    serde_json::from_slice(&bytes).map_err(damaged(path))
}

/// The same of a record that may be of an older format, which `upgrade` turns into the present one.
pub(super) fn read_upgraded<T: DeserializeOwned>(
    path: &Path,
    known: u32,
    upgrade: fn(&mut Value),
) -> Result<T, StoreError> {
    let bytes = read_regular(path, MAX_RECORD).map_err(StoreError::read(path))?;
    check_schema(path, &bytes, known)?;
    let mut value: Value = serde_json::from_slice(&bytes).map_err(damaged(path))?;
    upgrade(&mut value);
    serde_json::from_value(value).map_err(damaged(path))
}

pub(super) fn check_schema(path: &Path, bytes: &[u8], known: u32) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        schema: u64,
    }
    let Head { schema: found } = serde_json::from_slice(bytes).map_err(damaged(path))?;
    if found > u64::from(known) { Err(StoreError::Newer { path: path.to_owned(), found, known }) } else { Ok(()) }
}

pub(super) fn damaged(path: &Path) -> impl Fn(serde_json::Error) -> StoreError {
    move |error| StoreError::Damaged {
        path: path.to_owned(),
        reason: error.to_string(),
        is_torn: error.is_eof() || error.is_syntax(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbolic_link_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (own, file) = (dir.path().join("own"), dir.path().join("costs.json"));
        std::fs::write(&own, "mine").unwrap();
        std::os::unix::fs::symlink(&own, &file).unwrap();
        write_text(&file, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "mine");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
    }
}
