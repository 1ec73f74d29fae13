//! Old runs keep their records and lose evidence.
//!
//! A record says of a file that it is removed before the file goes: whenever the program is killed, no record names a file that is
//! gone. `thinned.json` of a run is written last, so that a run that was left in the middle is looked at again.

use super::{RunDir, StoreError, json, read_trial};
use model::{Artifact, RUN_SCHEMA, TEST_SCRIPT};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Version of `thinned.json`.
const SCHEMA: u32 = 1;

/// Small files of a trial that stay: what ran, and why it was judged so.
const KEPT: [&str; 3] = ["qemu.sh", TEST_SCRIPT, "why.md"];

/// The page of a trial, which has the console in it; no record names it.
const PAGE: &str = "report.html";

/// How much evidence a run has lost, from little to much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThinningLevel {
    /// That of the trials that were as expected.
    Expected,
    /// That of all trials.
    All,
}

/// `thinned.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thinned {
    schema: u32,
    /// What has lost its evidence.
    pub level: ThinningLevel,
    /// Folders of trials that have theirs nonetheless.
    pub kept: BTreeSet<String>,
}

impl Thinned {
    /// A run that is thinned to this level, except these trials.
    pub fn new(level: ThinningLevel, kept: BTreeSet<String>) -> Self {
        Self { schema: SCHEMA, level, kept }
    }
}

impl RunDir {
    /// The runs below a folder, by name; none where there is no such folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn all(runs: &Path) -> Result<Vec<Self>, StoreError> {
        let entries = match std::fs::read_dir(runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::read(runs)(error)),
        };
        let mut folders = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StoreError::read(runs))?;
        folders.sort();
        Ok(folders.iter().filter_map(|folder| Self::open(folder).ok()).collect())
    }

    /// How far the run is thinned; `None` where it is whole.
    ///
    /// # Errors
    /// When `thinned.json` cannot be read.
    pub fn thinned(&self) -> Result<Option<Thinned>, StoreError> {
        let path = self.path().join("thinned.json");
        if path.is_file() { json::read(&path, SCHEMA).map(Some) } else { Ok(None) }
    }

    /// Writes down how far the run is thinned.
    ///
    /// # Errors
    /// When `thinned.json` cannot be written.
    pub fn store_thinned(&self, thinned: &Thinned) -> Result<(), StoreError> {
        json::write(&self.path().join("thinned.json"), thinned)
    }

    /// Removes `thinned.json`, so that the run is looked at again.
    pub(super) fn remove_thinned(&self) -> Result<(), StoreError> {
        let path = self.path().join("thinned.json");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::write(&path)(error)),
            _ => Ok(()),
        }
    }
}

/// Bytes that [`remove_evidence`] would free: also those of files that a killed program has left behind, but not those of files that
/// have another name.
///
/// # Errors
/// When the trial's record cannot be read, or names a file outside its folder.
pub fn evidence_bytes(folder: &Path) -> Result<u64, StoreError> {
    let record = read_trial(folder)?;
    let evidence = record.artifacts.iter().filter(|artifact| is_evidence(artifact)).chain(&record.removed);
    let mut paths = evidence.map(|artifact| inside(folder, artifact)).collect::<Result<Vec<_>, _>>()?;
    paths.push(folder.join(PAGE));
    // What a merged run has, too, stays there.
    let is_last = |metadata: &Metadata| metadata.nlink() == 1;
    let found = paths.iter().filter_map(|path| path.symlink_metadata().ok());
    Ok(found.filter(is_last).map(|metadata| metadata.len()).sum())
}

/// Removes the evidence of a finished trial: console, events, output, bundle, dumps, and its page. Its record, its verdict, and small files that say
/// what ran stay. Returns the bytes that are free now.
///
/// # Errors
/// See [`evidence_bytes`]; when the record cannot be written or a file cannot be removed.
pub fn remove_evidence(folder: &Path) -> Result<u64, StoreError> {
    let bytes = evidence_bytes(folder)?;
    let mut record = read_trial(folder)?;
    let (evidence, kept): (Vec<_>, Vec<_>) = record.artifacts.into_iter().partition(is_evidence);
    record.artifacts = kept;
    if !evidence.is_empty() {
        // It has been read in the present format.
        record.schema = RUN_SCHEMA;
        record.removed.extend(evidence);
        let path = folder.join("trial.json");
        let ended = path.metadata().and_then(|metadata| metadata.modified());
        json::write_durably(&path, &record)?;
        // Its time says when the trial ended.
        let _ = ended.and_then(|ended| std::fs::File::open(&path)?.set_modified(ended));
    }
    let mut paths = record.removed.iter().map(|artifact| inside(folder, artifact)).collect::<Result<Vec<_>, _>>()?;
    paths.push(folder.join(PAGE));
    for path in paths {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(StoreError::write(&path)(error)),
            _ => {}
        }
    }
    // It stays where it has other files.
    let _ = std::fs::remove_dir(folder.join("bundle"));
    Ok(bytes)
}

fn is_evidence(artifact: &Artifact) -> bool {
    !KEPT.contains(&artifact.file.as_str())
}

/// The path of an artifact, which a record from elsewhere may not lead out of the trial's folder.
fn inside(folder: &Path, artifact: &Artifact) -> Result<PathBuf, StoreError> {
    let file = Path::new(&artifact.file);
    let is_inside = file.components().all(|part| matches!(part, Component::Normal(_)))
        // A link in its place would lead elsewhere.
        && file.parent().is_none_or(|parent| !folder.join(parent).is_symlink());
    if is_inside && !artifact.file.is_empty() {
        return Ok(folder.join(file));
    }
    let reason = format!("its file `{}` is not in the trial's folder", model::printable(&artifact.file));
    Err(StoreError::Damaged { path: folder.join("trial.json"), reason, is_torn: false })
}
