//! An archive from elsewhere, read: a tar, compressed with zstd. It is untrusted input: a member is a file or a folder, its path stays in
//! the archive's one folder, and no member, read or skipped, is more than the limits admit.

use super::save::{SaveError, save};
use crate::host::Cancellable;
use crate::store::open_regular;
use model::printable;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};
use tar::{Entry, EntryType};
use tokio_util::sync::CancellationToken;

/// How much may be in an archive.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Length of the tar in bytes.
    pub bytes: u64,
    /// Number of files and folders.
    pub members: u64,
}

/// Maximum length of a path in bytes (`PATH_MAX` of Linux).
const MAX_PATH: u64 = 4096;

/// Maximum number of names in a path: of a run, `cells`, of a trial, and of the folders in that.
const MAX_DEPTH: usize = 11;

/// An archive that is not read.
#[derive(Debug)]
pub enum ReadError {
    /// It cannot be opened.
    Open(io::Error),
    /// It is no archive, is damaged, or has what no archive of the lab has.
    Foreign(String),
    /// It unpacks to more than this.
    TooLarge(String),
}

/// An archive that is read.
pub struct Reader {
    tar: tar::Archive<Box<dyn Read>>,
    limits: Limits,
}

impl Reader {
    /// Opens an archive; reading it fails once `cancel` is cancelled.
    ///
    /// # Errors
    /// When it cannot be opened, or is not compressed with zstd.
    pub fn open(path: &Path, limits: Limits, cancel: &CancellationToken) -> Result<Self, ReadError> {
        let file = open_regular(path).map_err(ReadError::Open)?;
        let decoder = StreamingDecoder::new(BufReader::new(file));
        let decoder = decoder.map_err(|error| ReadError::Foreign(format!("no zstd: {error}")))?;
        let input = Cancellable::new(Checked(decoder), cancel).take(limits.bytes);
        Ok(Self { tar: tar::Archive::new(Box::new(input)), limits })
    }

    /// Reads what is left behind the last member.
    ///
    /// # Errors
    /// When the archive's checksum is wrong: a bit has changed since it was made.
    pub fn finish(self) -> Result<(), ReadError> {
        io::copy(&mut self.tar.into_inner(), &mut io::sink()).map(drop).map_err(damaged)
    }

    /// Its members in their order. After an error there are none.
    ///
    /// # Errors
    /// When it has been read.
    pub fn members(&mut self) -> Result<Members<'_>, ReadError> {
        // Raw: a name of any length would be read into memory otherwise.
        let entries = self.tar.entries().map_err(damaged)?.raw(true);
        Ok(Members { entries, limits: self.limits, root: None, count: 0, bytes: 0, has_failed: false })
    }
}

/// A frame of zstd, whose checksum is compared at its end.
struct Checked(StreamingDecoder<BufReader<File>, FrameDecoder>);

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read(buffer)?;
        let (stored, found) = (self.0.decoder.get_checksum_from_data(), self.0.decoder.get_calculated_checksum());
        let is_end = length == 0 && !buffer.is_empty();
        if is_end && stored.is_some_and(|stored| found != Some(stored)) {
            return Err(io::Error::new(ErrorKind::InvalidData, "its checksum is wrong"));
        }
        Ok(length)
    }
}

/// See [`Reader::members`].
pub struct Members<'a> {
    entries: tar::Entries<'a, Box<dyn Read>>,
    limits: Limits,
    /// The archive's one folder.
    root: Option<PathBuf>,
    count: u64,
    bytes: u64,
    has_failed: bool,
}

impl<'a> Members<'a> {
    fn read_next(&mut self) -> Result<Option<Member<'a>>, ReadError> {
        let mut long = None;
        while let Some(entry) = self.entries.next() {
            let mut entry = entry.map_err(damaged)?;
            let (kind, bytes) = (entry.header().entry_type(), entry.size());
            self.count(bytes)?;
            if kind == EntryType::GNULongName && bytes <= MAX_PATH {
                let mut name = Vec::new();
                entry.read_to_end(&mut name).map_err(damaged)?;
                name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                long = Some(name);
                continue;
            }
            let name = long.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            let name = String::from_utf8_lossy(&name).into_owned();
            let is_folder = match kind {
                EntryType::Directory if bytes == 0 => true,
                EntryType::Regular => false,
                other => {
                    return Err(foreign(&format!("`{name}` is neither a file nor a folder ({other:?})")));
                }
            };
            let path = inside(&name).ok_or_else(|| foreign(&format!("the path `{name}` leads out of its folder")))?;
            let root = path.iter().next().unwrap_or_default();
            if *self.root.get_or_insert_with(|| root.into()) != *root {
                return Err(foreign("it has more than one folder"));
            }
            return Ok(Some(Member { path, is_folder, bytes, entry }));
        }
        Ok(None)
    }

    /// What a header says counts, also of members that are skipped: to skip one takes as long as to read it.
    fn count(&mut self, bytes: u64) -> Result<(), ReadError> {
        (self.count, self.bytes) = (self.count + 1, self.bytes.saturating_add(bytes));
        if self.count > self.limits.members {
            return Err(ReadError::TooLarge(format!("{} files", self.limits.members)));
        }
        if self.bytes > self.limits.bytes {
            return Err(ReadError::TooLarge(format!("{} GiB", self.limits.bytes >> 30)));
        }
        Ok(())
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let next = self.read_next();
        self.has_failed = next.is_err();
        next.transpose()
    }
}

/// A file or a folder of an archive.
pub struct Member<'a> {
    /// Its path, of which the first name is that of the archive's folder; no other name leads out of it.
    pub path: PathBuf,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Its length in bytes.
    pub bytes: u64,
    entry: Entry<'a, Box<dyn Read>>,
}

impl Member<'_> {
    /// Its path in the archive's folder, as text.
    pub fn name(&self) -> String {
        self.path.components().skip(1).collect::<PathBuf>().to_string_lossy().into_owned()
    }

    /// When it was written, in seconds since 1970.
    pub fn modified(&self) -> u64 {
        self.entry.header().mtime().unwrap_or(0)
    }

    /// Its content, if that is no longer than `max` bytes.
    ///
    /// # Errors
    /// When it is longer, or the archive is damaged.
    pub fn content(&mut self, max: u64) -> Result<Vec<u8>, ReadError> {
        if self.bytes > max {
            return Err(foreign(&format!("`{}` is longer than {max} bytes", self.path.display())));
        }
        let mut content = Vec::new();
        self.entry.read_to_end(&mut content).map_err(damaged)?;
        Ok(content)
    }

    /// Writes it to a new file, and makes the folders above that. No link is ever in the folder, so that its paths lead nowhere else. All
    /// bytes pass `sees`.
    ///
    /// # Errors
    /// When the archive is damaged, there is something at `to`, or it cannot be written.
    pub fn save(&mut self, to: &Path, mode: u32, sees: impl FnMut(&[u8])) -> Result<File, SaveError> {
        to.parent().map_or(Ok(()), fs::create_dir_all).map_err(SaveError::Write)?;
        let (file, bytes) = save(Seen { input: &mut self.entry, sees }, to, mode)?;
        if bytes < self.bytes {
            let cut = io::Error::new(ErrorKind::UnexpectedEof, "it ends in the middle of a file");
            return Err(SaveError::Read(cut));
        }
        Ok(file)
    }
}

struct Seen<R, F> {
    input: R,
    sees: F,
}

impl<R: Read, F: FnMut(&[u8])> Read for Seen<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        (self.sees)(&buffer[..length]);
        Ok(length)
    }
}

/// The error of an archive that cannot be read to its end.
pub fn damaged(error: io::Error) -> ReadError {
    foreign(&format!("it is damaged or cut off: {error}"))
}

fn foreign(reason: &str) -> ReadError {
    ReadError::Foreign(printable(reason))
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
