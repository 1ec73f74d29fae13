//! `events.jsonl`, read one event at a time: a record may be larger than memory.

use super::{StoreError, open_regular};
use model::Record;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Maximum length of one event in bytes; those that the lab writes are far shorter.
const MAX_EVENT: u64 = 16 << 20;

/// The events of a trial, in their order. A last line that was cut off, as a killed lab leaves it, is left out.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    number: usize,
}

impl Events {
    /// Opens `events.jsonl`.
    ///
    /// # Errors
    /// When it cannot be opened, or is no regular file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = open_regular(path).map_err(StoreError::read(path))?;
        Ok(Self { path: path.to_owned(), file: BufReader::new(file), line: Vec::new(), number: 0 })
    }

    fn read(&mut self) -> Result<Option<Record>, StoreError> {
        self.line.clear();
        let limited = &mut (&mut self.file).take(MAX_EVENT);
        limited.read_until(b'\n', &mut self.line).map_err(StoreError::read(&self.path))?;
        self.number += 1;
        let damaged = |reason: String| StoreError::Damaged {
            path: self.path.clone(),
            reason: format!("line {}: {reason}", self.number),
            is_torn: false,
        };
        match self.line.last() {
            Some(b'\n') => serde_json::from_slice(&self.line).map(Some).map_err(|error| damaged(error.to_string())),
            _ if self.line.len() as u64 == MAX_EVENT => Err(damaged(format!("it has more than {MAX_EVENT} bytes"))),
            _ => Ok(None),
        }
    }
}

impl Iterator for Events {
    type Item = Result<Record, StoreError>;

    /// The next event, or why there is none.
    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// All events of a trial.
///
/// # Errors
/// When the file cannot be read, or a line before the last is no event.
pub fn read_events(path: &Path) -> Result<Vec<Record>, StoreError> {
    Events::open(path)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: &str = "{\"us\":1,\"event\":\"tick\"}\n";

    fn read(text: &[u8]) -> Result<usize, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let name = file.path().display().to_string();
        let events = read_events(file.path()).map_err(|error| error.to_string().replace(&name, "FILE"))?;
        Ok(events.len())
    }

    #[test]
    fn last_line_may_be_cut_off() {
        assert_eq!(read(b""), Ok(0));
        assert_eq!(read(format!("{TICK}{TICK}").as_bytes()), Ok(2));
        assert_eq!(read(format!("{TICK}{}", &TICK[..9]).as_bytes()), Ok(1));
        assert_eq!(read(TICK.trim_end().as_bytes()), Ok(0), "it may be truncated");
    }

    #[test]
    fn damage_is_named_with_its_line() {
        let damaged = read(format!("{TICK}\n{TICK}").as_bytes()).unwrap_err();
        assert!(damaged.starts_with("FILE is damaged: line 2: "), "{damaged}");
        assert!(read(b"\xff\xfe\n").is_err());
        let endless = read(&vec![b' '; MAX_EVENT as usize + 1]).unwrap_err();
        assert_eq!(endless, "FILE is damaged: line 1: it has more than 16777216 bytes");
    }
}
