//! What is packed of a trial.

use super::entry::Entry;
use super::error::ArchiveError;
use super::host_paths::{Host, HostPaths};
use super::manifest::{MANIFEST, manifest};
use super::readme::readme;
use crate::kernel::Kernels;
use crate::report::{GuestFile, KEY, Lookup, script};
use crate::store::read_regular;
use model::{RunId, TEST_SCRIPT, TrialRecord};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Maximum length of a packed text in bytes: `events.jsonl` and `console.log` have at most 64 MiB.
const MAX_TEXT: u64 = 256 << 20;

/// Texts of the lab in a trial's folder.
const RECORDS: [&str; 6] = ["bundle.json", "events.jsonl", "qemu.log", "trial.json", "verdict.json", "why.md"];

/// Texts of the guest, which are packed as they are: what it printed, and what ran in it.
const OF_GUEST: [&str; 3] = ["console.log", "output.log", TEST_SCRIPT];

/// The guest's RAM.
const DUMP_SUFFIX: &str = ".kdump";

/// A trial to be packed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its folder.
    pub folder: &'a Path,
    /// Its run.
    pub run: &'a RunId,
    /// Its record.
    pub trial: &'a TrialRecord,
    /// The key that logs in to its root disk, where the cache still has it.
    pub key: Option<&'a Path>,
    /// The host that packs it.
    pub host: &'a Host,
    /// The version of that host's QEMU.
    pub qemu_version: Option<&'a str>,
    /// Whether a text may name folders of that host.
    pub allows_paths: bool,
}

/// The files of an archive: what boots the guest, what was recorded, and what explains both. Texts of the host have names in
/// place of its paths.
///
/// # Errors
/// When the guest was not started, its files are gone or changed, a file cannot be read, or a text names a folder of the host.
pub fn contents(request: &Request<'_>) -> Result<Vec<Entry>, ArchiveError> {
    let Request { folder, run, trial, key, host, qemu_version, allows_paths } = *request;
    if trial.command.is_empty() {
        return Err(ArchiveError::NotStarted);
    }
    let paths = HostPaths::new(host, folder, trial);
    let mut entries = guest_files(trial)?;
    if GuestFile::RootDisk.path(trial).is_some() {
        entries.push(login(folder, key)?);
    }
    entries.extend(companions(trial, &paths)?);
    entries.extend(records(folder, &paths)?);
    entries.extend(diagnostics(folder, &paths)?);
    entries.push(Entry::program("run.sh", script(run, trial, Lookup::Beside)?.into_bytes()));
    let has = |name: &str| entries.iter().any(|entry| entry.artifact().file == name);
    let readme = readme(run, trial, &has);
    entries.push(Entry::text("README.txt", readme.into_bytes()));
    if !allows_paths {
        check(&entries, &paths)?;
    }
    let manifest = manifest(run, trial, qemu_version, &entries).map_err(ArchiveError::write(Path::new(MANIFEST)))?;
    entries.push(Entry::text(MANIFEST, manifest));
    Ok(entries)
}

/// The files that QEMU loads, if they are those of the record. One without a digest may be any file of the user: a record may be
/// another's.
fn guest_files(trial: &TrialRecord) -> Result<Vec<Entry>, ArchiveError> {
    let mut entries = Vec::new();
    for file in GuestFile::ALL {
        let Some(path) = file.path(trial).map(|path| PathBuf::from(&*path)) else { continue };
        let entry = match Entry::binary(file.name(), &path) {
            Ok(entry) => entry,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(ArchiveError::Gone { file, path }),
            Err(error) => return Err(ArchiveError::read(&path)(error)),
        };
        if file.digest(trial) != Some(&entry.artifact().sha256) {
            return Err(ArchiveError::Changed { file, path });
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The key of a guest with a root disk, whose test lies in the trial's folder.
fn login(folder: &Path, key: Option<&Path>) -> Result<Entry, ArchiveError> {
    let test = folder.join(TEST_SCRIPT);
    if !is_file(&test) {
        return Err(ArchiveError::NoTest(test));
    }
    let key = key.ok_or(ArchiveError::NoKey)?;
    Entry::secret(KEY, key).map_err(|error| match error.kind() {
        ErrorKind::NotFound => ArchiveError::NoKey,
        _ => ArchiveError::read(key)(error),
    })
}

/// The kernel's configuration and symbols, where they lie with it.
fn companions(trial: &TrialRecord, paths: &HostPaths) -> Result<Vec<Entry>, ArchiveError> {
    let image = GuestFile::Kernel.path(trial);
    let kernel =
        image.and_then(|image| Kernels::user_kernel(&trial.cell.kernel, trial.cell.arch, Path::new(&*image)).ok());
    let found = kernel.map(|kernel| [("config", kernel.config), ("System.map", kernel.system_map)]);
    let mut entries = Vec::new();
    for (name, path) in found.into_iter().flatten() {
        if let Some(path) = path {
            entries.push(Entry::text(name, paths.rewrite(&read(&path)?)));
        }
    }
    Ok(entries)
}

/// The texts of the trial's folder.
fn records(folder: &Path, paths: &HostPaths) -> Result<Vec<Entry>, ArchiveError> {
    let mut entries = Vec::new();
    for name in RECORDS.into_iter().chain(OF_GUEST) {
        let path = folder.join(name);
        if !is_file(&path) {
            continue;
        }
        let text = read(&path)?;
        let text = match name {
            guest if OF_GUEST.contains(&guest) => text,
            "events.jsonl" => paths.rewrite_events(&text),
            _ => paths.rewrite(&text),
        };
        entries.push(Entry::text(name, text));
    }
    Ok(entries)
}

/// The files of `bundle/`.
fn diagnostics(folder: &Path, paths: &HostPaths) -> Result<Vec<Entry>, ArchiveError> {
    let bundle = folder.join("bundle");
    if !bundle.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(Vec::new());
    }
    let found = bundle.read_dir().into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = found.map(|entry| entry.path()).filter(|path| is_file(path)).collect();
    files.sort_unstable();
    let mut entries = Vec::new();
    for path in files {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let name = format!("bundle/{name}");
        entries.push(match name.ends_with(DUMP_SUFFIX) {
            true => Entry::binary(&name, &path).map_err(ArchiveError::read(&path))?,
            false => Entry::text(&name, paths.rewrite(&read(&path)?)),
        });
    }
    Ok(entries)
}

/// Whether there is a file. A link in the folder of another user could lead to any file of this one.
fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
}

fn read(path: &Path) -> Result<Vec<u8>, ArchiveError> {
    read_regular(path, MAX_TEXT).map_err(ArchiveError::read(path))
}

/// Refuses texts that name a folder of the host.
fn check(entries: &[Entry], paths: &HostPaths) -> Result<(), ArchiveError> {
    for entry in entries {
        if let Some(leftover) = entry.as_text().and_then(|text| paths.leftover(text)) {
            let file = entry.artifact().file.clone();
            return Err(ArchiveError::HostPath { file, line: leftover.line, path: leftover.path });
        }
    }
    Ok(())
}
