//! What the history keeps of a run, read out of its folder.

use crate::matrix::cell_id;
use crate::store::{BriefReader, RunDir, RunHead, StoreError, TrialBrief};
use model::{Cell, CellId, Digest, Expectation, Failure, Kind, Outcome, RuleId, Verdict, split_trial_folder};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// A run.
#[derive(Debug)]
pub(super) struct RunFacts {
    pub head: RunHead,
    /// When it began, in microseconds since 1970.
    pub started_us: i64,
    /// Trials that were planned.
    pub planned: u32,
    pub cells: Vec<CellFacts>,
}

/// A cell of a run.
#[derive(Debug, Default)]
pub(super) struct CellFacts {
    /// The id that the present program gives it.
    pub id: String,
    /// The id in the run's files, where that is another.
    pub alias: Option<CellId>,
    pub build: Build,
    /// Digest of the cell's settings, of which its id names only a part: timeouts, arguments, faults.
    pub setup: i64,
    pub passed: u32,
    pub inconclusive: u32,
    pub lab_errors: u32,
    /// Trials that ended in another way than expected, without those that are quarantined or that the user stopped.
    pub unexpected: u32,
    /// Trials that ended in another way than expected and are quarantined.
    pub quarantined: u32,
    pub failures: BTreeMap<Failure, FailureFacts>,
    pub arch: String,
    pub workload: String,
    /// Durations of trials that had a guest and were not stopped, in milliseconds.
    pub durations_ms: Vec<u32>,
}

/// A failure of a cell in a run.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct FailureFacts {
    pub trials: u32,
    pub is_expected: bool,
}

/// What was booted, digests by their first digits; an empty text where that is not known.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub(super) struct Build {
    pub release: String,
    pub commit: String,
    pub kernel: String,
    pub initrd: String,
    pub firmware: String,
    pub root_disk: String,
}

/// Reads a run.
///
/// # Errors
/// When a file is damaged or of a newer format.
pub(super) fn read(folder: &Path, reader: &mut BriefReader) -> Result<RunFacts, StoreError> {
    let run = RunDir::open(folder)?;
    let head = run.head()?;
    let started = head.started.parse::<jiff::Timestamp>();
    let started_us = started.map(jiff::Timestamp::as_microsecond).map_err(|error| StoreError::Damaged {
        path: folder.join("run.json"),
        reason: format!("`started` is no time: {error}"),
        is_torn: false,
    })?;
    let plan = run.plan()?;
    let mut cells = Vec::with_capacity(plan.cells.len());
    let mut at = HashMap::with_capacity(plan.cells.len());
    // Guests that were watched all have one id, and nothing else in common.
    for cell in plan.cells.iter().filter(|cell| !cell.is_watched()) {
        at.insert(cell.id.as_str(), cells.len());
        cells.push((cell, CellFacts::of(cell)));
    }
    for folder in run.trial_folders()? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let (cell, trial) = split_trial_folder(&name);
        let Some((cell, facts)) = at.get(cell).map(|at| &mut cells[*at]) else { continue };
        if trial <= cell.repeat
            && let Some(brief) = reader.read(&folder)?
        {
            facts.add(cell, brief);
        }
    }
    let cells: Vec<CellFacts> = cells.into_iter().map(|(_, facts)| facts).collect();
    let mut ids = HashSet::new();
    if let Some(twice) = cells.iter().find(|cell| !ids.insert(&cell.id)) {
        let reason = format!("two cells are called {}", twice.id);
        return Err(StoreError::Damaged { path: folder.join("plan.json"), reason, is_torn: false });
    }
    Ok(RunFacts { head, started_us, planned: plan.trials(), cells })
}

impl CellFacts {
    fn of(cell: &Cell) -> Self {
        let id = cell_id(cell);
        let alias = (id != cell.id).then(|| cell.id.clone());
        let (arch, workload) = (cell.arch.to_string(), cell.workload_name().to_owned());
        Self { id: id.to_string(), alias, setup: setup(cell), arch, workload, ..Self::default() }
    }

    fn add(&mut self, cell: &Cell, trial: TrialBrief) {
        let outcome = trial.kind.outcome();
        if trial.duration_s > 0.0 && trial.kind != Kind::Interrupted {
            self.durations_ms.push((trial.duration_s * 1000.0).ceil() as u32);
        }
        let is_expected = cell.expect.matches(outcome, trial.kind);
        match is_expected || trial.kind == Kind::Interrupted {
            true => {}
            false if is_quarantined(cell, &trial) => self.quarantined += 1,
            false => self.unexpected += 1,
        }
        match outcome {
            Outcome::Pass => self.passed += 1,
            Outcome::Inconclusive => self.inconclusive += 1,
            Outcome::LabError => self.lab_errors += 1,
            Outcome::Hang | Outcome::Crash | Outcome::BootFailed | Outcome::Fail => {
                let failure = Failure { kind: trial.kind, title: trial.title.clone() };
                let facts = self.failures.entry(failure).or_default();
                facts.trials += 1;
                facts.is_expected = is_expected;
            }
        }
        if self.build.kernel.is_empty() {
            self.build.boot(trial);
        }
    }

    /// The lower one of two in the middle; 0 without any.
    pub fn median_ms(&self) -> u32 {
        let mut sorted = self.durations_ms.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0)
    }

    pub fn failed(&self) -> u32 {
        self.failures.values().map(|failure| failure.trials).sum()
    }

    pub fn expected_failures(&self) -> u32 {
        self.failures.values().filter(|failure| failure.is_expected).map(|failure| failure.trials).sum()
    }
}

impl Build {
    /// Out of the index, its columns in the order of the fields.
    pub fn of_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let [release, commit, kernel, initrd, firmware, root_disk] =
            [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        Ok(Self { release, commit, kernel, initrd, firmware, root_disk })
    }

    /// All trials of a cell in one run boot the same.
    fn boot(&mut self, trial: TrialBrief) {
        let digest = |digest: Option<Digest>| digest.map(|digest| digest.short().to_owned()).unwrap_or_default();
        self.release = trial.kernel_release.unwrap_or_default();
        self.commit = trial.kernel_commit.unwrap_or_default();
        self.kernel = digest(trial.kernel_digest);
        self.initrd = digest(trial.initrd_digest);
        self.firmware = digest(trial.firmware_digest);
        self.root_disk = digest(trial.root_disk_digest);
    }
}

fn is_quarantined(cell: &Cell, trial: &TrialBrief) -> bool {
    if cell.quarantine.is_empty() {
        return false;
    }
    // An entry looks at kind and title alone.
    let verdict = Verdict { title: trial.title.clone(), ..Verdict::new(trial.kind, RuleId::Prepare, "") };
    cell.quarantine.iter().any(|entry| entry.covers(&verdict, trial.kernel_release.as_deref()))
}

/// The same for cells that run the same in the same machine, however often and whatever is expected of them.
fn setup(cell: &Cell) -> i64 {
    let cell =
        Cell { id: CellId::new(""), repeat: 0, expect: Expectation::pass(), quarantine: Vec::new(), ..cell.clone() };
    // Plain values with text keys: there is nothing that JSON cannot hold.
    let json = serde_json::to_vec(&cell).unwrap_or_default();
    Sha256::digest(&json).iter().take(8).fold(0, |number, byte| number << 8 | i64::from(*byte))
}
