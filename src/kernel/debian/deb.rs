//! Reading a `.deb` (deb(5)): an `ar` archive with a compressed `tar` in it.

use super::super::KernelError;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// A stream of the files in a package.
pub(crate) type Files<'a> = tar::Archive<Box<dyn Read + 'a>>;

/// Hands the package's files to `consume`, in a single pass; `read` counts the bytes of the package read so far.
///
/// # Errors
/// When the package cannot be read, is cut off, or uses an unknown compression; and what `consume` returns.
pub(crate) fn open_package<T>(
    path: &Path,
    mut read: impl FnMut(u64) -> io::Result<()>,
    consume: impl FnOnce(&mut Files<'_>) -> Result<T, KernelError>,
) -> Result<T, KernelError> {
    let damaged = |message: String| KernelError::Damaged { path: path.to_owned(), message };
    let file = File::open(path).map_err(KernelError::io("read", path))?;
    let mut package = ar::Archive::new(BufReader::with_capacity(1 << 20, file));
    while let Some(entry) = package.next_entry() {
        let entry = entry.map_err(|error| damaged(format!("not a Debian package, or cut off: {error}")))?;
        let name = String::from_utf8_lossy(entry.header().identifier()).into_owned();
        let Some(compression) = name.trim_end_matches('/').strip_prefix("data.tar") else { continue };
        let counted = Counted { inner: entry, count: 0, report: &mut read };
        let mut files =
            tar::Archive::new(decompress(compression, counted).map_err(|error| damaged(error.to_string()))?);
        return consume(&mut files);
    }
    Err(damaged("not a Debian package, or cut off: it has no data".into()))
}

/// The content of one file of a package; its path is relative to the root.
///
/// # Errors
/// When the package cannot be read, or has no such file.
pub(crate) fn read_member(package: &Path, member: &Path) -> Result<Vec<u8>, KernelError> {
    let damaged = |error: io::Error| KernelError::Damaged { path: package.to_owned(), message: error.to_string() };
    open_package(
        package,
        |_| Ok(()),
        |files| {
            for entry in files.entries().map_err(damaged)? {
                let mut entry = entry.map_err(damaged)?;
                if path_of(&entry).map_err(damaged)? == member {
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content).map_err(damaged)?;
                    return Ok(content);
                }
            }
            Err(damaged(io::Error::other(format!("it has no {}", member.display()))))
        },
    )
}

/// A reader of the plain bytes; the suffix of the file's name is that of the compression.
pub(crate) fn decompress<'a>(suffix: &str, reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    match suffix {
        "" => Ok(Box::new(reader)),
        ".gz" => Ok(Box::new(flate2::read::GzDecoder::new(reader))),
        ".xz" => Ok(Box::new(liblzma::read::XzDecoder::new_multi_decoder(reader))),
        ".zst" => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(reader).map_err(io::Error::other)?;
            Ok(Box::new(decoder))
        }
        other => Err(io::Error::other(format!("unknown compression `{other}`"))),
    }
}

/// The path of an entry below the package's root, without a leading `./`.
pub(crate) fn path_of<R: Read>(entry: &tar::Entry<'_, R>) -> io::Result<PathBuf> {
    Ok(entry.path()?.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect())
}

struct Counted<'a, R> {
    inner: R,
    count: u64,
    report: &'a mut dyn FnMut(u64) -> io::Result<()>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count += n as u64;
        (self.report)(self.count)?;
        Ok(n)
    }
}
