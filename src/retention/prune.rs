//! The removal.

use super::policy::Retention;
use super::protected::{OpenFailure, PlannedRun, protected};
use crate::store::{RunDir, StoreError, Thinned, ThinningLevel, evidence_bytes, read_trial, remove_evidence};
use jiff::Timestamp;
use model::{RunId, printable};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// What a prune has removed, or would remove.
#[derive(Debug, Default)]
pub struct PrunedRuns {
    /// Runs that have lost evidence, oldest first.
    pub runs: Vec<PrunedRun>,
    /// Runs that could not be pruned, each with the reason.
    pub failed: Vec<(String, String)>,
}

/// A run that has lost evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunedRun {
    /// The run.
    pub id: RunId,
    /// What it loses.
    pub level: ThinningLevel,
    /// Number of trials that lose evidence.
    pub trials: usize,
    /// Bytes that this frees.
    pub bytes: u64,
    /// Number of trials that keep theirs because of an open failure or a bisection.
    pub kept: usize,
}

impl PrunedRuns {
    /// Bytes that are free now.
    pub fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.bytes).sum()
    }
}

/// Removes evidence from the runs below `runs`, as old as they are at `now`; with `dry_run` nothing is written.
///
/// A run that cannot be read loses nothing, and is listed.
///
/// # Errors
/// When the folder of the runs cannot be read, or a record on which an open failure rests.
pub fn prune(
    runs: &Path,
    retention: &Retention,
    open: &[OpenFailure],
    now: Timestamp,
    dry_run: bool,
) -> Result<PrunedRuns, StoreError> {
    let mut pruned = PrunedRuns::default();
    let mut dated = Vec::new();
    for dir in RunDir::all(runs)? {
        let name = name(&dir);
        let opened = started(&dir).and_then(|started| {
            let run = PlannedRun::open(RunId::new(name.as_str()), dir).map_err(|error| error.to_string())?;
            Ok((started, run))
        });
        match opened {
            Ok(opened) => dated.push(opened),
            Err(error) => pruned.failed.push((name, error)),
        }
    }
    dated.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.dir.path().cmp(other.1.dir.path())));
    let (times, runs): (Vec<Timestamp>, Vec<PlannedRun>) = dated.into_iter().unzip();
    let protected = protected(&runs, open)?;
    for (started, PlannedRun { id, dir, .. }) in times.iter().zip(&runs) {
        let age = Duration::try_from(now.duration_since(*started)).unwrap_or_default();
        let Some(level) = retention.level(age) else { continue };
        let keep = protected.get(id).cloned().unwrap_or_default();
        match prune_run(dir, id, level, &keep, dry_run) {
            Ok(Some(run)) => pruned.runs.push(run),
            Ok(None) => {}
            Err(error) => pruned.failed.push((id.to_string(), error.to_string())),
        }
    }
    Ok(pruned)
}

fn name(dir: &RunDir) -> String {
    dir.path().file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn started(dir: &RunDir) -> Result<Timestamp, String> {
    let started = dir.head().map_err(|error| error.to_string())?.started;
    started.parse().map_err(|_| format!("`{}` in its run.json is no time", printable(&started)))
}

/// `None` where the run has nothing to lose.
fn prune_run(
    dir: &RunDir,
    id: &RunId,
    level: ThinningLevel,
    keep: &BTreeSet<String>,
    dry_run: bool,
) -> Result<Option<PrunedRun>, StoreError> {
    let before = dir.thinned()?;
    if before.as_ref().is_some_and(|thinned| thinned.level >= level && thinned.kept.is_subset(keep)) {
        return Ok(None);
    }
    let _lock = if dry_run { None } else { Some(dir.lock()?) };
    let mut pruned = PrunedRun { id: id.clone(), level, trials: 0, bytes: 0, kept: 0 };
    let mut kept = BTreeSet::new();
    for folder in dir.trial_folders()? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A lab that died has left it; `oomlab run --resume` may still need it.
        if !folder.join("trial.json").is_file() {
            continue;
        }
        if level == ThinningLevel::Expected && !read_trial(&folder)?.as_expected() {
            continue;
        }
        if keep.contains(&name) {
            kept.insert(name);
            continue;
        }
        let bytes = if dry_run { evidence_bytes(&folder)? } else { remove_evidence(&folder)? };
        pruned.trials += usize::from(bytes > 0);
        pruned.bytes += bytes;
    }
    pruned.kept = kept.len();
    if !dry_run {
        dir.store_thinned(&Thinned::new(level, kept))?;
    }
    Ok((pruned.trials > 0).then_some(pruned))
}
