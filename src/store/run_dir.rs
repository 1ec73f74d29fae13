//! One run's folder.
//!
//! ```text
//! runs/2026-11-24-0/
//!   run.json       format version, name, when it began, how long it took, how it ended
//!   lock           the process id of the lab that works in it, which has it locked
//!   plan.json      the cells, as they were at the start
//!   further.json   trials that cells got since
//!   part.json      of what it is a part, in a shard, a filtered run and a merged one
//!   cells/<cell>/  one folder a trial (`<cell>~2` for the second one), see `TrialDir`
//!   regressions.json, bisections/  what `--bisect-regressions` found
//! ```

use super::further_trials::FURTHER;
use super::run_head::RunHead;
use super::{StoreError, json};
use crate::host::{FileLock, LockedBy};
use model::{
    Cell, NotRun, PLAN_SCHEMA, Plan, RUN_SCHEMA, Regression, RunId, RunRecord, TrialRecord, split_trial_folder,
    trial_folder,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file with which a trial has ended.
const RECORD: &str = "trial.json";

/// `regressions.json`.
#[derive(Serialize, Deserialize)]
struct Regressions {
    schema: u32,
    regressions: Vec<Regression>,
}

/// A run's folder. What is in it can be read while the run goes on; one lab at a time works in it.
#[derive(Debug, Clone)]
pub struct RunDir {
    dir: PathBuf,
    /// How long the run took until it was resumed.
    before_s: f64,
    /// Of the lab that works in it.
    _lock: Option<Arc<FileLock>>,
}

impl RunDir {
    /// Makes the folder of a new run: `dir` itself when the user named one, else the first free `<date>-<n>` below
    /// `runs`.
    ///
    /// # Errors
    /// When the folder cannot be made, or the named one holds a run already.
    pub fn create(
        named: Option<&Path>,
        runs: &Path,
        date: &str,
        plan: &Plan,
        started: &str,
    ) -> Result<Self, StoreError> {
        let dir = match named {
            Some(dir) => {
                std::fs::create_dir_all(dir).map_err(StoreError::write(dir))?;
                dir.to_owned()
            }
            None => first_free(runs, date)?,
        };
        let mut run = Self { dir, before_s: 0.0, _lock: None };
        if run.head_path().exists() {
            return Err(StoreError::Write {
                path: run.dir,
                source: std::io::Error::other("there is a run already; name another folder"),
            });
        }
        run._lock = Some(lock(&run.dir)?);
        let id = run.dir.file_name().map_or("run".into(), |name| name.to_string_lossy());
        let head = RunHead::new(RunId::new(id), plan.name.clone(), started.to_owned());
        json::write_durably(&run.plan_path(), plan)?;
        json::write_durably(&run.head_path(), &head)?;
        Ok(run)
    }

    /// Opens the folder of a run to continue it, and removes files that a killed lab has not written to their end. Trials whose record
    /// is among them have none then: returns their folders.
    ///
    /// # Errors
    /// When there is no run, another lab works in it, or it cannot be read or written.
    pub fn resume(dir: &Path) -> Result<(Self, Vec<PathBuf>), StoreError> {
        let found = Self::open(dir)?;
        let lock = Some(lock(dir)?);
        json::remove_parts(dir).map_err(StoreError::write(dir))?;
        let head = found.head()?;
        let folders = found.trial_folders()?;
        let unrecorded_s = if head.finished { 0.0 } else { found.unrecorded_s(&folders) };
        let mut torn = Vec::new();
        for folder in folders {
            let path = folder.join(RECORD);
            if path.is_file() && matches!(read_record(&path), Err(StoreError::Damaged { is_torn: true, .. })) {
                std::fs::remove_file(&path).map_err(StoreError::write(&path))?;
                torn.push(folder);
            }
        }
        Ok((Self { before_s: head.duration_s + unrecorded_s, _lock: lock, ..found }, torn))
    }

    /// Opens an existing run.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let run = Self { dir: dir.to_owned(), before_s: 0.0, _lock: None };
        if run.head_path().is_file() { Ok(run) } else { Err(StoreError::NoRun { path: dir.to_owned() }) }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Path of the folder of one trial.
    pub fn trial_folder(&self, cell: &str, trial: u32) -> PathBuf {
        self.dir.join("cells").join(trial_folder(cell, trial))
    }

    /// Removes what an earlier boot of a trial has left.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn clear_trial(&self, cell: &str, trial: u32) -> Result<(), StoreError> {
        let folder = self.trial_folder(cell, trial);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::write(&folder)(error)),
            _ => Ok(()),
        }
    }

    /// Makes an empty folder for a run of this date below `runs`, for [`RunDir::create`].
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn reserve(runs: &Path, date: &str) -> Result<PathBuf, StoreError> {
        first_free(runs, date)
    }

    /// Keeps labs from working in the folder while the result lives.
    ///
    /// # Errors
    /// When one works in it.
    pub fn lock(&self) -> Result<Arc<FileLock>, StoreError> {
        lock(&self.dir)
    }

    /// Writes down that the run goes on. It will have evidence again.
    ///
    /// # Errors
    /// When `run.json` cannot be read or written, or `thinned.json` cannot be removed.
    pub fn begin_again(&self) -> Result<(), StoreError> {
        self.remove_thinned()?;
        let head = self.head()?;
        let resumed = head.resumed.saturating_add(1);
        let head = RunHead { duration_s: self.before_s, finished: false, interrupted: false, resumed, ..head };
        json::write_durably(&self.head_path(), &head)
    }

    /// Writes down how long the run has taken so far, `duration_s` of it since it began or was resumed.
    ///
    /// # Errors
    /// When `run.json` cannot be read or written.
    pub fn pause(&self, duration_s: f64) -> Result<(), StoreError> {
        let head = self.head()?;
        json::write_durably(&self.head_path(), &RunHead { duration_s: self.before_s + duration_s, ..head })
    }

    /// The same at its end, and whether the user stopped it.
    ///
    /// # Errors
    /// When `run.json` cannot be read or written.
    pub fn finish(&self, duration_s: f64, interrupted: bool) -> Result<(), StoreError> {
        let head = self.head()?;
        let head = RunHead { duration_s: self.before_s + duration_s, interrupted, finished: true, ..head };
        json::write_durably(&self.head_path(), &head)
    }

    /// Whether all its trials have ended, without an interruption, and the lab has come to its end.
    ///
    /// # Errors
    /// When `run.json` or the plan cannot be read.
    pub fn is_complete(&self) -> Result<bool, StoreError> {
        let head = self.head()?;
        if !head.finished || head.interrupted {
            return Ok(false);
        }
        let has_ended = |cell: &Cell| (1..=cell.repeat).all(|trial| self.record_path(cell, trial).is_file());
        Ok(self.plan()?.cells.iter().all(has_ended))
    }

    /// Its name, when it began and how it ended.
    ///
    /// # Errors
    /// When `run.json` cannot be read, or is of a newer format.
    pub fn head(&self) -> Result<RunHead, StoreError> {
        json::read(&self.head_path(), RUN_SCHEMA)
    }

    /// The plan, with the trials that cells got since the start.
    ///
    /// # Errors
    /// When it cannot be read, or no matrix makes it.
    pub fn plan(&self) -> Result<Plan, StoreError> {
        let mut plan = self.initial_plan()?;
        self.further_trials()?.extend(&mut plan);
        plan.check().map_err(|error| StoreError::wrong(&self.path().join(FURTHER), error.to_string()))?;
        Ok(plan)
    }

    /// The plan with which the run began.
    ///
    /// # Errors
    /// When it cannot be read, or no matrix makes it.
    pub fn initial_plan(&self) -> Result<Plan, StoreError> {
        let path = self.plan_path();
        let plan: Plan = json::read(&path, PLAN_SCHEMA)?;
        plan.check().map_err(|error| StoreError::wrong(&path, error.to_string()))?;
        Ok(plan)
    }

    /// The folders of the trials that have begun, by cell and number.
    ///
    /// # Errors
    /// When the run is of a newer format, or cannot be read.
    pub fn trial_folders(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.head()?;
        let cells = self.dir.join("cells");
        if !cells.is_dir() {
            return Ok(Vec::new());
        }
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(&cells).map_err(StoreError::read(&cells))? {
            let path = entry.map_err(StoreError::read(&cells))?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
        let key = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (cell, number) = split_trial_folder(&name);
            (cell.to_owned(), number, name)
        };
        folders.sort_by_cached_key(key);
        Ok(folders)
    }

    /// What is known of the run so far: finished trials in the order of the plan.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged.
    pub fn record(&self) -> Result<RunRecord, StoreError> {
        let head = self.head()?;
        let plan = self.plan()?;
        let (mut trials, mut not_run) = (Vec::new(), Vec::new());
        for cell in &plan.cells {
            let mut missing = Vec::new();
            for trial in 1..=cell.repeat {
                let path = self.record_path(cell, trial);
                if path.is_file() {
                    trials.push(read_record(&path)?);
                } else {
                    missing.push(trial);
                }
            }
            if !missing.is_empty() {
                not_run.push(NotRun { cell: cell.clone(), trials: missing });
            }
        }
        Ok(RunRecord {
            schema: head.schema,
            id: head.id,
            name: head.name,
            dir: self.dir.display().to_string(),
            started: head.started,
            duration_s: head.duration_s,
            resumed: head.resumed,
            planned: plan.trials(),
            interrupted: head.interrupted,
            trials,
            not_run,
            regressions: self.regressions()?,
        })
    }

    /// Writes down what became of the run's failures.
    ///
    /// # Errors
    /// When `regressions.json` cannot be written.
    pub fn store_regressions(&self, regressions: Vec<Regression>) -> Result<(), StoreError> {
        json::write(&self.regressions_path(), &Regressions { schema: RUN_SCHEMA, regressions })
    }

    /// What became of the run's failures, as far as they were bisected.
    ///
    /// # Errors
    /// When `regressions.json` cannot be read.
    pub fn regressions(&self) -> Result<Vec<Regression>, StoreError> {
        let path = self.regressions_path();
        if !path.is_file() {
            return Ok(Vec::new());
        }
        Ok(json::read::<Regressions>(&path, RUN_SCHEMA)?.regressions)
    }

    fn regressions_path(&self) -> PathBuf {
        self.dir.join("regressions.json")
    }

    fn record_path(&self, cell: &Cell, trial: u32) -> PathBuf {
        self.trial_folder(cell.id.as_str(), trial).join(RECORD)
    }

    /// How long a killed lab had run when its last trial ended: it writes `run.json` when it begins.
    fn unrecorded_s(&self, folders: &[PathBuf]) -> f64 {
        let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
        let ended = folders.iter().filter_map(|folder| modified(&folder.join(RECORD))).max();
        let took = ended.zip(modified(&self.head_path())).and_then(|(ended, began)| ended.duration_since(began).ok());
        took.map_or(0.0, |took| took.as_secs_f64())
    }

    fn head_path(&self) -> PathBuf {
        self.dir.join("run.json")
    }

    fn plan_path(&self) -> PathBuf {
        self.dir.join("plan.json")
    }
}

/// Locks a run's folder for this process; the kernel releases it with the process.
fn lock(dir: &Path) -> Result<Arc<FileLock>, StoreError> {
    let path = dir.join("lock");
    match FileLock::try_owned(&path).map_err(StoreError::write(&path))? {
        Ok(lock) => Ok(Arc::new(lock)),
        Err(LockedBy(pid)) => Err(StoreError::InUse { path: dir.to_owned(), pid }),
    }
}

/// Reads the record of a finished trial out of its folder.
///
/// # Errors
/// When there is none, or it is damaged.
pub fn read_trial(folder: &Path) -> Result<TrialRecord, StoreError> {
    read_record(&folder.join(RECORD))
}

/// Whether a trial has ended: its record is in its folder.
pub fn has_record(folder: &Path) -> bool {
    folder.join(RECORD).is_file()
}

fn read_record(path: &Path) -> Result<TrialRecord, StoreError> {
    json::read_upgraded(path, RUN_SCHEMA, |record| {
        // The title stood beside the verdict at first.
        if let Some(title) = record.get_mut("title").map(Value::take)
            && let Some(verdict) = record.get_mut("verdict").and_then(Value::as_object_mut)
        {
            verdict.entry("title").or_insert(title);
        }
    })
}

/// Two runs that begin at once get two folders: making a folder is atomic.
fn first_free(runs: &Path, date: &str) -> Result<PathBuf, StoreError> {
    std::fs::create_dir_all(runs).map_err(StoreError::write(runs))?;
    let mut number = 0_u32;
    loop {
        let dir = runs.join(format!("{date}-{number}"));
        match std::fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(source) => return Err(StoreError::Write { path: dir, source }),
        }
    }
}
