//! A file of an archive.

use super::tarball::Packed;
use crate::store::{digest_reader, open_regular};
use model::{Artifact, Digest};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

/// A file of an archive.
#[derive(Debug)]
pub struct Entry {
    artifact: Artifact,
    mode: u32,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text(Vec<u8>),
    /// Open: nothing in the cache or beside it can take its place.
    Binary {
        path: PathBuf,
        file: File,
    },
}

impl Entry {
    /// A text, which must not name this host.
    pub fn text(name: &str, text: Vec<u8>) -> Self {
        let sha256 = Digest::of_bytes(&Sha256::digest(&text));
        let artifact = Artifact { file: name.to_owned(), bytes: text.len() as u64, sha256 };
        Self { artifact, mode: 0o644, content: Content::Text(text) }
    }

    /// As [`Entry::text`], for a script that its reader may start.
    pub fn program(name: &str, text: Vec<u8>) -> Self {
        Self { mode: 0o755, ..Self::text(name, text) }
    }

    /// A file of any content and length.
    ///
    /// # Errors
    /// When it is no regular file, or cannot be read.
    pub fn binary(name: &str, path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        let (bytes, sha256) = digest_reader(&file)?;
        let artifact = Artifact { file: name.to_owned(), bytes, sha256 };
        Ok(Self { artifact, mode: 0o644, content: Content::Binary { path: path.to_owned(), file } })
    }

    /// As [`Entry::binary`], for a file that only its owner may read: ssh(1) takes no other key.
    ///
    /// # Errors
    /// As [`Entry::binary`].
    pub fn secret(name: &str, path: &Path) -> io::Result<Self> {
        Ok(Self { mode: 0o600, ..Self::binary(name, path)? })
    }

    /// As [`Entry::binary`], for a program.
    ///
    /// # Errors
    /// As [`Entry::binary`].
    pub fn executable(name: &str, path: &Path) -> io::Result<Self> {
        Ok(Self { mode: 0o755, ..Self::binary(name, path)? })
    }

    /// The same under another name.
    #[must_use]
    pub fn renamed(mut self, name: String) -> Self {
        self.artifact.file = name;
        self
    }

    /// Its name in the archive, its length and its digest.
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Its content, if that is text.
    pub fn as_text(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Binary { .. } => None,
        }
    }
}

impl Packed for Entry {
    fn name(&self) -> &str {
        &self.artifact.file
    }

    fn mode(&self) -> u32 {
        self.mode
    }

    fn bytes(&self) -> u64 {
        self.artifact.bytes
    }

    fn modified(&self) -> Option<u64> {
        None
    }

    /// Reading fails at the end where the content has changed since the digest was computed.
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        match &self.content {
            Content::Text(text) => Ok(Box::new(text.as_slice())),
            Content::Binary { path, file } => {
                let mut input: &File = file;
                input.seek(SeekFrom::Start(0))?;
                let input = input.take(self.artifact.bytes);
                Ok(Box::new(Unchanged { input, hasher: Sha256::new(), digest: &self.artifact.sha256, path }))
            }
        }
    }
}

/// A file that must still be what it was: a kernel that a user builds may be written meanwhile.
struct Unchanged<'e> {
    input: Take<&'e File>,
    hasher: Sha256,
    digest: &'e Digest,
    path: &'e Path,
}

impl Read for Unchanged<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        if length == 0 && !buffer.is_empty() && Digest::of_bytes(&self.hasher.clone().finalize()) != *self.digest {
            return Err(io::Error::other(format!("{} changes while it is packed; try again", self.path.display())));
        }
        Ok(length)
    }
}
