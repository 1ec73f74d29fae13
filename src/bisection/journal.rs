//! Files with one JSON value per line. An incomplete last line is ignored.

use super::error::SessionError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file to which whole lines are appended.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens it for appending, and cuts off the incomplete line of a process that was killed.
    pub fn open(path: &Path) -> Result<Self, SessionError> {
        let failed = || SessionError::file("write", path);
        let file = File::options().read(true).append(true).create(true).open(path).map_err(failed())?;
        let text = std::fs::read(path).map_err(SessionError::file("read", path))?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        file.set_len(whole as u64).map_err(failed())?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends a line. It is on disk when this returns.
    pub fn append<T: Serialize>(&mut self, value: &T) -> Result<(), SessionError> {
        let mut line =
            serde_json::to_vec(value).map_err(|error| SessionError::file("write", &self.path)(error.into()))?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(SessionError::file("write", &self.path))
    }
}

/// The values of all whole lines; none where the file does not exist.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, SessionError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(SessionError::file("read", path)(error)),
    };
    let whole = text.rfind('\n').map_or("", |at| &text[..at]);
    let value = |(at, line): (usize, &str)| {
        let damaged = |source| SessionError::Damaged { path: path.to_owned(), line: at + 1, source };
        serde_json::from_str(line).map_err(damaged)
    };
    whole.lines().enumerate().map(value).collect()
}

/// Writes a file atomically.
pub(super) fn write<T: Serialize>(path: &Path, values: &[T]) -> Result<(), SessionError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let save = || -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(tempfile::NamedTempFile::new_in(folder)?);
        for value in values {
            serde_json::to_writer(&mut file, value)?;
            file.write_all(b"\n")?;
        }
        file.into_inner()?.persist(path)?;
        Ok(())
    };
    save().map_err(SessionError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_ignores_an_incomplete_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        assert_eq!(read::<u32>(&path).unwrap(), Vec::<u32>::new());
        std::fs::write(&path, "1\n22\n33").unwrap();
        assert_eq!(read::<u32>(&path).unwrap(), [1, 22]);
        Journal::open(&path).unwrap().append(&4).unwrap();
        assert_eq!(read::<u32>(&path).unwrap(), [1, 22, 4]);
        std::fs::write(&path, "1\nx\n").unwrap();
        assert!(read::<u32>(&path).unwrap_err().to_string().contains("j:2: "));
    }
}
