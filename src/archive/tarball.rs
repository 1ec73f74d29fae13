//! The archive itself: a tar, compressed with zstd.

use ruzstd::encoding::CompressionLevel;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};

/// A file to be packed.
pub trait Packed {
    /// Its path in the archive's folder.
    fn name(&self) -> &str;

    /// Its permissions.
    fn mode(&self) -> u32;

    /// Its length in bytes.
    fn bytes(&self) -> u64;

    /// When it was written, in seconds since 1970; `None` for the time of the archive.
    fn modified(&self) -> Option<u64>;

    /// Its content from the start.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self) -> io::Result<Box<dyn Read + '_>>;
}

/// The one folder of an archive.
#[derive(Debug, Clone, Copy)]
pub struct Folder<'a> {
    /// Its name.
    pub name: &'a str,
    /// The time of the archive, in seconds since 1970.
    pub modified: u64,
    /// The file that comes before all others, which are sorted by their names.
    pub first: Option<&'a str>,
}

/// A time in seconds since 1970. Damaged times of a record are no reason not to pack it.
pub fn seconds_of(time: &str) -> u64 {
    let seconds = time.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second);
    u64::try_from(seconds).unwrap_or(0)
}

/// Bytes in which a tar counts, and those that end it.
const BLOCK: u64 = 512;
const END: u64 = 2 * BLOCK;

/// The tar, made as it is read: a root disk is longer than what the host's memory or its temporary folder may hold.
pub(super) struct Tar<'e> {
    parts: VecDeque<Box<dyn Read + 'e>>,
}

impl<'e> Tar<'e> {
    pub fn new<P: Packed>(files: &'e [P], folder: Folder<'_>) -> io::Result<Self> {
        let mut parts: VecDeque<Box<dyn Read + 'e>> = VecDeque::new();
        for ((_, path), file) in placed(files, folder) {
            let header = header(&path, file, folder.modified)?;
            parts.push_back(Box::new(io::Cursor::new(header)));
            if let Some(file) = file {
                let padding = file.bytes().next_multiple_of(BLOCK) - file.bytes();
                parts.push_back(file.open()?);
                parts.push_back(Box::new(io::repeat(0).take(padding)));
            }
        }
        parts.push_back(Box::new(io::repeat(0).take(END)));
        Ok(Self { parts })
    }
}

impl Read for Tar<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(part) = self.parts.front_mut() {
            let length = part.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            self.parts.pop_front();
        }
        Ok(0)
    }
}

/// The header of a file, or of a folder, with what a long path needs before it.
fn header<P: Packed>(path: &str, file: Option<&P>, modified: u64) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(file.and_then(P::modified).unwrap_or(modified));
    let (kind, mode, bytes) = match file {
        Some(file) => (tar::EntryType::Regular, file.mode(), file.bytes()),
        None => (tar::EntryType::Directory, 0o755, 0),
    };
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, path, io::empty())?;
    // Without the end that the builder adds.
    Ok(std::mem::take(tar.get_mut()))
}

/// The paths in an archive, in order: folders, which end in a slash, and files.
fn placed<'e, P: Packed>(files: &'e [P], folder: Folder<'_>) -> BTreeMap<(u8, String), Option<&'e P>> {
    let (root, first) = (folder.name, folder.first);
    let mut places = BTreeMap::from([((0, format!("{root}/")), None)]);
    for file in files {
        let name = file.name();
        for (slash, _) in name.match_indices('/') {
            places.insert((2, format!("{root}/{}", &name[..=slash])), None);
        }
        let rank = if first == Some(name) { 1 } else { 2 };
        places.insert((rank, format!("{root}/{name}")), Some(file));
    }
    places
}

/// Compresses an input to its end.
pub(super) fn compress(input: impl Read, output: impl Write) -> io::Result<()> {
    let failure = RefCell::new(None);
    let source = Infallible { inner: input, failure: &failure };
    let drain = Infallible { inner: output, failure: &failure };
    ruzstd::encoding::compress(source, drain, CompressionLevel::Fastest);
    failure.into_inner().map_or(Ok(()), Err)
}

/// An input or output that notes its first failure and ends: the encoder panics at an error of either (ruzstd 0.9,
/// `FrameCompressor::compress`).
struct Infallible<'f, T> {
    inner: T,
    failure: &'f RefCell<Option<io::Error>>,
}

impl<T: Read> Read for Infallible<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.borrow().is_some() {
            return Ok(0);
        }
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    *self.failure.borrow_mut() = Some(error);
                    return Ok(0);
                }
                length => return length,
            }
        }
    }
}

impl<T: Write> Write for Infallible<'_, T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mut failure = self.failure.borrow_mut();
        if failure.is_none() {
            *failure = self.inner.write_all(buffer).err();
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::decoding::StreamingDecoder;

    /// Bytes that do not compress and are longer than a block.
    fn noise() -> Vec<u8> {
        let mut state = 1_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..300_000).map(next).collect()
    }

    #[test]
    fn compressed_bytes_are_read_back() {
        let mixed = [noise(), vec![0; 400_000], b"text ".repeat(1000)].concat();
        for input in [&b""[..], &b"a"[..], &mixed[..], &mixed[..128 * 1024], &mixed[..256 * 1024]] {
            let mut output = Vec::new();
            compress(input, &mut output).unwrap();
            let mut plain = Vec::new();
            StreamingDecoder::new(output.as_slice()).unwrap().read_to_end(&mut plain).unwrap();
            assert!(plain == input, "{} bytes", input.len());
        }
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("it cannot be read"))
        }
    }

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is full"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn failures_of_the_files_are_errors() {
        let error = compress(Broken, Vec::<u8>::new()).unwrap_err();
        assert_eq!(error.to_string(), "it cannot be read");
        let error = compress(noise().as_slice(), Broken).unwrap_err();
        assert_eq!(error.to_string(), "the disk is full");
    }
}
