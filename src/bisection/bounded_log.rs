//! The log of a command, of bounded size.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes that are kept of the beginning, and as many of the end.
const KEPT: usize = 1 << 20;

/// A file for the beginning and the end of an output. The beginning is written at once, the end when the output ends.
#[derive(Debug)]
pub(super) struct BoundedLog {
    file: File,
    /// Bytes that may still be written at once.
    room: usize,
    /// What came after the beginning; of a long output, the end of it.
    tail: Vec<u8>,
    dropped: u64,
}

impl BoundedLog {
    /// Creates the file.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, room: KEPT, tail: Vec::new(), dropped: 0 })
    }

    /// Adds output.
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (head, rest) = bytes.split_at(self.room.min(bytes.len()));
        self.file.write_all(head)?;
        self.room -= head.len();
        self.tail.extend_from_slice(rest);
        // Twice as much as is kept: else each byte would move all of it.
        if self.tail.len() > 2 * KEPT {
            self.cut();
        }
        Ok(())
    }

    /// Writes the end.
    pub fn finish(&mut self) -> io::Result<()> {
        self.cut();
        let tail = std::mem::take(&mut self.tail);
        if self.dropped > 0 {
            let kept = KEPT >> 20;
            writeln!(
                self.file,
                "\n[oomlab: {} bytes dropped here; the log keeps the first and the last {kept} MiB]",
                self.dropped
            )?;
            self.dropped = 0;
        }
        self.file.write_all(&tail)
    }

    fn cut(&mut self) {
        let excess = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }
}

/// The log of a trial that is interrupted has an end, too.
impl Drop for BoundedLog {
    fn drop(&mut self) {
        // Where it matters, `finish` was called before.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(chunks: &[&[u8]]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = BoundedLog::create(&path).unwrap();
        for chunk in chunks {
            log.add(chunk).unwrap();
            assert!(log.tail.len() <= 2 * KEPT);
        }
        drop(log);
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn short_output_is_kept_as_it_is() {
        assert_eq!(log(&[b"one\n", b"two\n"]), "one\ntwo\n");
        let whole = vec![b'x'; 2 * KEPT];
        assert!(log(&whole.chunks(1000).collect::<Vec<_>>()).bytes().eq(whole.iter().copied()));
    }

    #[test]
    fn beginning_and_end_of_long_output_are_kept() {
        let middle = vec![b'x'; 5 * KEPT];
        let chunks = [&[&b"first\n"[..]][..], &middle.chunks(KEPT / 3).collect::<Vec<_>>(), &[b"\nlast\n"]].concat();
        let log = log(&chunks);
        assert!(log.starts_with("first\nx") && log.ends_with("x\nlast\n"), "{}", log.len());
        let dropped = 3 * KEPT + "first\n\nlast\n".len();
        let note = format!("\n[oomlab: {dropped} bytes dropped here; the log keeps the first and the last 1 MiB]\n");
        assert!(log.contains(&note) && log.len() == 2 * KEPT + note.len(), "{}", log.len());
    }
}
