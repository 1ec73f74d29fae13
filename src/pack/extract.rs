//! Unpacks the archive of a pack, which may be hostile: only what `pack.json`, its first file, names, with that length and digest.

use super::error::PackError;
use super::folder::save;
use super::manifest::{MANIFEST, Manifest};
use super::open::{MAX_TEXT, parse};
use crate::host::private_dir_in;
use crate::store::open_regular;
use model::{Artifact, Digest};
use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use tar::EntryType;
use tempfile::TempDir;

/// Only the owner may read a file: one of them is a key.
const MODE: u32 = 0o600;

/// Unpacks plan and objects into a folder below `scratch`. The program is left out: this one runs the pack.
pub(super) fn extract(path: &Path, scratch: &Path) -> Result<(TempDir, Manifest), PackError> {
    let no_pack = |reason: String| PackError::NoPack { path: path.to_owned(), reason };
    let file = open_regular(path).map_err(|error| no_pack(error.to_string()))?;
    let decoder = StreamingDecoder::new(BufReader::new(file)).map_err(|error| no_pack(error.to_string()))?;
    let folder = private_dir_in(scratch, "oomlab-pack-").map_err(PackError::write(scratch))?;
    let manifest = Unpacking { path, folder: folder.path() }.run(decoder)?;
    Ok((folder, manifest))
}

struct Unpacking<'a> {
    path: &'a Path,
    folder: &'a Path,
}

/// A file that the archive must have.
struct Wanted {
    file: Artifact,
    /// Whether it is unpacked.
    is_used: bool,
}

impl Unpacking<'_> {
    fn run(&self, decoder: impl Read) -> Result<Manifest, PackError> {
        let mut archive = tar::Archive::new(decoder);
        // Raw: no long names, whose length is not bounded.
        let entries = archive.entries().map_err(|error| self.damaged(error))?.raw(true);
        let mut known: Option<(Manifest, BTreeMap<String, Wanted>)> = None;
        for entry in entries {
            let mut entry = entry.map_err(|error| self.damaged(error))?;
            let path = entry.path().map_err(|error| self.damaged(error))?.into_owned();
            let shown = model::printable(&path.display().to_string());
            let Some(name) = inside(&path) else {
                return Err(self.refused(format!("`{shown}` leads out of the pack")));
            };
            match entry.header().entry_type() {
                EntryType::Directory => continue,
                EntryType::Regular => {}
                _ => return Err(self.refused(format!("`{shown}` is neither a file nor a folder"))),
            }
            match &mut known {
                None if name == MANIFEST => {
                    let mut text = Vec::new();
                    entry.by_ref().take(MAX_TEXT).read_to_end(&mut text).map_err(|error| self.damaged(error))?;
                    let manifest = parse(&text)?;
                    let wanted = wanted(&manifest);
                    known = Some((manifest, wanted));
                }
                None => return Err(self.refused(format!("its first file is `{shown}`, not {MANIFEST}"))),
                Some((_, wanted)) => {
                    if let Some(Wanted { file, is_used }) = wanted.remove(&name) {
                        self.unpack(&mut entry, &file, is_used)?;
                    } else if !SCRIPTS.contains(&name.as_str()) {
                        return Err(self.refused(format!("{MANIFEST} does not name `{shown}`")));
                    }
                }
            }
        }
        let (manifest, wanted) = known.ok_or_else(|| self.refused(format!("it has no {MANIFEST}")))?;
        match wanted.into_values().find(|wanted| wanted.is_used) {
            Some(Wanted { file, .. }) => Err(PackError::Missing { file: file.file }),
            None => Ok(manifest),
        }
    }

    fn unpack(&self, entry: &mut impl Read, file: &Artifact, is_used: bool) -> Result<(), PackError> {
        if !is_used {
            return Ok(());
        }
        let to = self.folder.join(&file.file);
        let parent = to.parent().unwrap_or(self.folder);
        fs::create_dir_all(parent).map_err(PackError::write(parent))?;
        let mut failure = None;
        // One more than its length: that is another file.
        let input =
            Hashed { input: entry.take(file.bytes.saturating_add(1)), hasher: Sha256::new(), failure: &mut failure };
        let mut input = input;
        let bytes = save(&mut input, &to, MODE);
        let digest = Digest::of_bytes(&input.hasher.finalize());
        if let Some(error) = failure {
            return Err(self.damaged(error));
        }
        let bytes = bytes.map_err(PackError::write(&to))?;
        let changed = |reason: String| PackError::Changed { file: file.file.clone(), reason };
        if bytes != file.bytes {
            return Err(changed(format!("it does not have {} bytes", file.bytes)));
        }
        if digest != file.sha256 { Err(changed(format!("its SHA-256 is {digest}"))) } else { Ok(()) }
    }

    fn damaged(&self, error: io::Error) -> PackError {
        self.refused(format!("it is damaged or cut off: {error}"))
    }

    fn refused(&self, reason: String) -> PackError {
        PackError::Archive { path: self.path.to_owned(), reason }
    }
}

/// Files that are for people, and are not unpacked.
const SCRIPTS: [&str; 2] = ["run.sh", "README.txt"];

fn wanted(manifest: &Manifest) -> BTreeMap<String, Wanted> {
    let used = manifest.objects().into_values().chain([&manifest.plan]).map(|file| (file, true));
    let all = manifest.program.files.iter().map(|file| (file, false)).chain(used);
    all.map(|(file, is_used)| (file.file.clone(), Wanted { file: file.clone(), is_used })).collect()
}

/// The path below the archive's one folder; `None` where it leads out of it.
fn inside(path: &Path) -> Option<String> {
    let mut parts = path.components();
    let Some(Component::Normal(_)) = parts.next() else { return None };
    let rest: PathBuf = parts.clone().collect();
    parts.all(|part| matches!(part, Component::Normal(_))).then(|| rest.to_str().map(str::to_owned))?
}

/// An input whose bytes are hashed; its failure is kept apart from that of the output.
struct Hashed<'f, R> {
    input: R,
    hasher: Sha256,
    failure: &'f mut Option<io::Error>,
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Ok(length) => {
                self.hasher.update(&buffer[..length]);
                Ok(length)
            }
            Err(error) => {
                let kind = error.kind();
                *self.failure = Some(error);
                Err(kind.into())
            }
        }
    }
}
