//! Files with one JSON value per line. An incomplete last line is ignored.

use super::error::SessionError;
use crate::store::{open_regular, read_regular};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// Maximum length of a line: a configuration with all options of a kernel, or a merge of many branches.
const MAX_LINE: u64 = 16 << 20;

/// A file to which whole lines are appended.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens it for appending, and cuts off the incomplete line of a process that was killed.
    pub fn open(path: &Path, max: u64) -> Result<Self, SessionError> {
        let failed = || SessionError::file("write", path);
        let text = match read_regular(path, max) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            text => text.map_err(SessionError::file("read", path))?,
        };
        let file = File::options().append(true).create(true).open(path).map_err(failed())?;
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

/// The values of all whole lines; none where the file does not exist. The file may be another's: it must be a regular one of at
/// most `max` bytes.
pub(super) fn read<T: DeserializeOwned>(path: &Path, max: u64) -> Result<Vec<T>, SessionError> {
    let failed = || SessionError::file("read", path);
    let file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed()(error)),
    };
    let mut file = BufReader::new(file);
    let (mut values, mut line, mut total) = (Vec::new(), Vec::new(), 0);
    loop {
        line.clear();
        let read = (&mut file).take(MAX_LINE + 1).read_until(b'\n', &mut line).map_err(failed())? as u64;
        total += read;
        if read > MAX_LINE {
            return Err(failed()(too_large(&format!("its line {}", values.len() + 1), MAX_LINE)));
        }
        if total > max {
            return Err(failed()(too_large("it", max)));
        }
        if !line.ends_with(b"\n") {
            return Ok(values);
        }
        let damaged = |source| SessionError::Damaged { path: path.to_owned(), line: values.len() + 1, source };
        values.push(serde_json::from_slice(&line).map_err(damaged)?);
    }
}

fn too_large(what: &str, max: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("{what} has more than {} MiB", max >> 20))
}

/// Writes a file atomically.
pub(super) fn write<T: Serialize>(path: &Path, values: &[T]) -> Result<(), SessionError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let save = || -> io::Result<()> {
        let mut file = io::BufWriter::new(tempfile::NamedTempFile::new_in(folder)?);
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

    const MAX: u64 = 1 << 20;

    fn numbers(path: &Path) -> Result<Vec<u32>, SessionError> {
        read(path, MAX)
    }

    #[test]
    fn journal_ignores_an_incomplete_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        assert_eq!(numbers(&path).unwrap(), Vec::<u32>::new());
        std::fs::write(&path, "1\n22\n33").unwrap();
        assert_eq!(numbers(&path).unwrap(), [1, 22]);
        Journal::open(&path, MAX).unwrap().append(&4).unwrap();
        assert_eq!(numbers(&path).unwrap(), [1, 22, 4]);
        std::fs::write(&path, "1\nx\n").unwrap();
        assert!(numbers(&path).unwrap_err().to_string().contains("j:2: "));
        std::fs::write(&path, b"1\n\xff\n").unwrap();
        assert!(numbers(&path).unwrap_err().to_string().contains("j:2: "));
    }

    #[test]
    fn files_of_another_are_read_within_limits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        std::fs::write(&path, "1\n".repeat(MAX as usize / 2 + 1)).unwrap();
        let refused = |path: &Path| {
            let message = Journal::open(path, MAX).unwrap_err().to_string();
            assert_eq!(numbers(path).unwrap_err().to_string(), message);
            message
        };
        assert!(refused(&path).ends_with("it has more than 1 MiB"));
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let message = numbers(&path).unwrap_err().to_string();
        assert!(message.ends_with("its line 1 has more than 16 MiB"), "{message}");
        for wrong in ["/dev/zero", "/"] {
            refused(Path::new(wrong));
        }
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        assert!(refused(&fifo).contains("it is a FIFO"));
    }
}
