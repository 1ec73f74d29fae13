//! A run to be merged.

use super::error::MergeError;
use crate::host::FileLock;
use crate::store::{MergedRun, Part, Partition, RunDir, StoreError, digest_file, read_trial};
use model::{Cell, CellId, Digest, Kind, Plan, Regression, split_trial_folder};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A run to be merged: all of it but the evidence of its trials.
#[derive(Debug, Clone)]
pub struct Source {
    pub(super) dir: PathBuf,
    /// Version of the format.
    pub(super) format: u32,
    /// Its own cells, with all their trials.
    pub(super) plan: Plan,
    pub(super) whole: Plan,
    pub(super) selected: BTreeSet<CellId>,
    pub(super) partition: Option<Partition>,
    /// The runs of which it was merged, or itself.
    pub(super) runs: Vec<MergedRun>,
    /// The trials that have ended, by cell and number.
    pub(super) trials: BTreeMap<(CellId, u32), Trial>,
    pub(super) regressions: Vec<Regression>,
    /// No lab works in the folder meanwhile. `None` where this user may not write into it.
    pub(super) lock: Option<Arc<FileLock>>,
}

/// Reads the runs in these folders, each folder once.
///
/// # Errors
/// When there is no run in one, a lab works in it, or it is damaged or of a newer format.
pub fn read(dirs: &[PathBuf]) -> Result<Vec<Source>, MergeError> {
    let mut known = BTreeSet::new();
    let is_new = |dir: &&PathBuf| known.insert(dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf()));
    dirs.iter().filter(is_new).map(|dir| Source::read(dir)).collect()
}

/// A trial that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trial {
    pub folder: PathBuf,
    pub kind: Kind,
    pub started: String,
    /// Of its record.
    pub digest: Digest,
}

impl Trial {
    /// Whether the user stopped it: another record of it may take its place.
    pub fn is_interrupted(&self) -> bool {
        self.kind == Kind::Interrupted
    }
}

impl Source {
    fn read(dir: &Path) -> Result<Self, MergeError> {
        let run = RunDir::open(dir)?;
        let lock = match run.lock() {
            Ok(lock) => Some(lock),
            // Another user's, or a read-only file system.
            Err(StoreError::Write { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let (head, plan) = (run.head()?, run.plan()?);
        let part = match run.part()? {
            Some(part) => part,
            None => {
                let whole = run.initial_plan()?;
                let selected = whole.cells.iter().map(|cell| cell.id.clone()).collect();
                Part::new(whole, selected)
            }
        };
        let Part { whole, selected, partition, shard, mut runs, .. } = part;
        // A merged run that has gone on since is itself a run of the next one.
        if runs.is_empty() || head.resumed > 0 {
            runs.push(MergedRun {
                started: head.started.clone(),
                id: head.id.clone(),
                shard,
                resumed: head.resumed,
                finished: head.finished,
                interrupted: head.interrupted,
                duration_ms: milliseconds(head.duration_s),
            });
        }
        let trials = trials(&run, &plan)?;
        let (dir, format, regressions) = (dir.to_owned(), head.schema(), run.regressions()?);
        Ok(Self { dir, format, plan, whole, selected, partition, runs, trials, regressions, lock })
    }
}

fn milliseconds(seconds: f64) -> u64 {
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The trials of the plan that have ended. A link in place of a folder would lead elsewhere.
fn trials(run: &RunDir, plan: &Plan) -> Result<BTreeMap<(CellId, u32), Trial>, StoreError> {
    let cells: BTreeMap<&str, &Cell> = plan.cells.iter().map(|cell| (cell.id.as_str(), cell)).collect();
    let mut found = BTreeMap::new();
    for folder in run.trial_folders()? {
        let record = folder.join("trial.json");
        let is_file = record.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (id, number) = split_trial_folder(&name);
        let Some(cell) = cells.get(id).filter(|cell| is_file && !folder.is_symlink() && number <= cell.repeat) else {
            continue;
        };
        let trial = read_trial(&folder)?;
        let (_, digest) = digest_file(&record).map_err(|source| StoreError::Read { path: record, source })?;
        let trial = Trial { folder, kind: trial.verdict.kind, started: trial.started, digest };
        found.insert((cell.id.clone(), number), trial);
    }
    Ok(found)
}
