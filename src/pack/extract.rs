//! Unpacks the archive of a pack, which may be hostile: only what `pack.json`, its first file, names, with that length and digest.

use super::error::PackError;
use super::manifest::{MANIFEST, MAX_MANIFEST, Manifest};
use super::open::parse;
use crate::archive::{Limits, Member, ReadError, Reader, SaveError, damaged};
use crate::host::ScratchDir;
use model::{Artifact, Digest};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// The files that a manifest may name, the manifest, and a header for each of them.
pub(super) const LIMITS: Limits = Limits { bytes: 66 << 30, members: 1_000_000 };

/// Only the owner may read a file: one of them is a key.
const MODE: u32 = 0o600;

/// Files that are for people, and are not unpacked.
const SCRIPTS: [&str; 2] = ["run.sh", "README.txt"];

/// Maximum length of such a file in bytes.
const MAX_SCRIPT: u64 = 1 << 20;

/// Unpacks plan and objects into a folder below `scratch`. The program is left out: this one runs the pack.
pub(super) fn extract(
    path: &Path,
    scratch: &Path,
    limits: Limits,
    cancel: &CancellationToken,
) -> Result<(ScratchDir, Manifest), PackError> {
    let mut reader = Reader::open(path, limits, cancel).map_err(|error| match error {
        ReadError::Open(error) => PackError::NoPack { path: path.to_owned(), reason: error.to_string() },
        ReadError::Foreign(reason) => PackError::NoPack { path: path.to_owned(), reason },
        error @ ReadError::TooLarge(_) => refused(path, error),
    })?;
    let folder = ScratchDir::create_in(scratch).map_err(PackError::write(scratch))?;
    let manifest = unpack(&mut reader, folder.path()).map_err(|error| match error {
        Failed::Read(error) => refused(path, error),
        Failed::Pack(error) => error,
    })?;
    Ok((folder, manifest))
}

/// Why an archive is not unpacked.
enum Failed {
    Read(ReadError),
    Pack(PackError),
}

impl From<ReadError> for Failed {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<PackError> for Failed {
    fn from(error: PackError) -> Self {
        Self::Pack(error)
    }
}

fn foreign(reason: String) -> Failed {
    Failed::Read(ReadError::Foreign(reason))
}

fn refused(path: &Path, error: ReadError) -> PackError {
    let reason = match error {
        ReadError::Open(error) => error.to_string(),
        ReadError::Foreign(reason) => reason,
        ReadError::TooLarge(max) => format!("it unpacks to more than {max}"),
    };
    PackError::Archive { path: path.to_owned(), reason }
}

/// A file that the archive may have once.
struct Known {
    file: Artifact,
    /// Whether it is unpacked, and must be there.
    is_used: bool,
}

fn unpack(reader: &mut Reader, folder: &Path) -> Result<Manifest, Failed> {
    let mut members = reader.members()?.filter(|member| !member.as_ref().is_ok_and(|member| member.is_folder));
    let mut first = members.next().transpose()?.ok_or_else(|| foreign(format!("it has no {MANIFEST}")))?;
    if first.name() != MANIFEST {
        return Err(foreign(format!("its first file is `{}`, not {MANIFEST}", shown(&first))));
    }
    let manifest = parse(&first.content(MAX_MANIFEST)?)?;
    let (mut known, mut scripts) = (known(&manifest), SCRIPTS.to_vec());
    for member in members {
        let mut member = member?;
        let name = member.name();
        if let Some(Known { file, is_used }) = known.remove(&name) {
            // Also of a file that is not unpacked: to skip it takes as long.
            if member.bytes != file.bytes {
                return Err(Failed::Pack(changed(&file, format!("it has {} bytes, not {}", member.bytes, file.bytes))));
            }
            if is_used {
                save(&mut member, &file, folder)?;
            }
        } else if let Some(at) = scripts.iter().position(|script| *script == name)
            && member.bytes <= MAX_SCRIPT
        {
            scripts.swap_remove(at);
        } else {
            return Err(foreign(format!("{MANIFEST} does not name `{}`", shown(&member))));
        }
    }
    match known.into_values().find(|known| known.is_used) {
        Some(Known { file, .. }) => Err(Failed::Pack(PackError::Missing { file: file.file })),
        None => Ok(manifest),
    }
}

fn save(member: &mut Member<'_>, file: &Artifact, folder: &Path) -> Result<(), Failed> {
    let (to, mut hasher) = (folder.join(&file.file), Sha256::new());
    member.save(&to, MODE, |part| hasher.update(part)).map_err(|error| match error {
        SaveError::Read(error) => Failed::Read(damaged(error)),
        // An object is named by its digest.
        SaveError::Exists => foreign(format!("`{}` is in it twice", file.file)),
        SaveError::Write(source) => Failed::Pack(PackError::Write { path: to.clone(), source }),
    })?;
    let digest = Digest::of_bytes(&hasher.finalize());
    if digest == file.sha256 { Ok(()) } else { Err(Failed::Pack(changed(file, format!("its SHA-256 is {digest}")))) }
}

fn changed(file: &Artifact, reason: String) -> PackError {
    PackError::Changed { file: file.file.clone(), reason }
}

fn shown(member: &Member<'_>) -> String {
    model::printable(&member.path.to_string_lossy())
}

fn known(manifest: &Manifest) -> BTreeMap<String, Known> {
    let used = manifest.objects().into_values().chain([&manifest.plan]).map(|file| (file, true));
    let all = manifest.program.files.iter().map(|file| (file, false)).chain(used);
    all.map(|(file, is_used)| (file.file.clone(), Known { file: file.clone(), is_used })).collect()
}
