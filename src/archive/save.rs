//! A new file.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes that are read at a time. Blocks of zeros of this length, of which a root disk has most, take no space.
const BLOCK: usize = 256 << 10;

/// Why a file is not saved.
#[derive(Debug)]
pub enum SaveError {
    /// Its content cannot be read.
    Read(io::Error),
    /// There is something at its place.
    Exists,
    /// It cannot be written; often the disk is full.
    Write(io::Error),
}

/// Writes a new file; returns it with its length in bytes.
///
/// # Errors
/// When the content cannot be read, there is something at `path`, or it cannot be written.
pub fn save(mut content: impl Read, path: &Path, mode: u32) -> Result<(File, u64), SaveError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = created.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => SaveError::Exists,
        _ => SaveError::Write(error),
    })?;
    let mut buffer = vec![0; BLOCK];
    let mut bytes = 0;
    loop {
        let length = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(SaveError::Read(error)),
        };
        let part = &buffer[..length];
        let written = if part.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Current(length as i64)).map(drop)
        } else {
            file.write_all(part)
        };
        written.map_err(SaveError::Write)?;
        bytes += length as u64;
    }
    file.set_len(bytes).map_err(SaveError::Write)?;
    Ok((file, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn zeros_take_no_space() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        let mut content = vec![0; 4 << 20];
        content[1 << 20] = 1;
        assert_eq!(save(content.as_slice(), &path, 0o600).unwrap().1, 4 << 20);
        assert!(fs::read(&path).unwrap() == content);
        assert!(fs::metadata(&path).unwrap().blocks() * 512 < 1 << 20);
        assert!(matches!(save(&b"x"[..], &path, 0o600), Err(SaveError::Exists)));
        assert!(matches!(save(&b"x"[..], &path.join("x"), 0o600), Err(SaveError::Write(_))));
    }
}
