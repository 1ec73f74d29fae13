//! Folders with runs as nights of a lab leave them.

use super::recorded;
use model::{Digest, Expectation, Kind, PLAN_SCHEMA, Payload, Plan, RuleId, TrialRecord, Verdict};
use oomlab::matrix::cell_id;
use oomlab::store::RunDir;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Judging the recorded events takes longer than writing a trial.
static TEMPLATE: LazyLock<TrialRecord> = LazyLock::new(|| recorded::trial("one-kill-riscv64-nommu"));

/// A cell of a night: its workload, and what its trials come to.
#[derive(Clone)]
pub struct NightCell {
    pub workload: String,
    pub expect: Expectation,
    /// Kind and title of each trial; trials beyond them have not finished.
    pub trials: Vec<(Kind, Option<String>)>,
    pub repeat: u32,
}

/// A cell whose trials have these kinds, without titles.
pub fn cell(workload: &str, kinds: &[Kind]) -> NightCell {
    let trials: Vec<_> = kinds.iter().map(|kind| (*kind, None)).collect();
    let repeat = u32::try_from(trials.len()).unwrap();
    NightCell { workload: workload.to_owned(), expect: Expectation::pass(), trials, repeat }
}

/// A cell with `failures` livelocks among `trials` trials.
pub fn failing(workload: &str, failures: usize, trials: usize) -> NightCell {
    let kinds: Vec<Kind> =
        (0..trials).map(|at| if at < failures { Kind::OomLivelock } else { Kind::Finished }).collect();
    cell(workload, &kinds)
}

/// A night to be written.
pub struct Night<'n> {
    pub runs: &'n Path,
    pub matrix: &'n str,
    /// Counted from 2026-01-01.
    pub day: u32,
    pub cells: &'n [NightCell],
}

impl Night<'_> {
    /// The date of its start.
    pub fn date(&self) -> String {
        let first = jiff::civil::date(2026, 1, 1);
        (first + jiff::SignedDuration::from_hours(24 * i64::from(self.day))).to_string()
    }

    /// Name of its run.
    pub fn name(&self) -> String {
        format!("{}-0", self.date())
    }

    /// Writes the run, finished; returns its folder.
    pub fn write(&self) -> PathBuf {
        let run = self.begin();
        run.finish(3600.0, false).unwrap();
        run.path().to_owned()
    }

    /// Writes the run, finished, with one file for the trials of a cell that ended alike: a year of them needs less room.
    pub fn write_linked(&self) {
        let run = self.create();
        for cell in self.cells {
            let mut written: HashMap<(Kind, Option<String>), PathBuf> = HashMap::new();
            for mut record in self.records(cell) {
                // With it, a record is as long as the median of real ones, 9 KB.
                record.command.extend((0..180).map(|number| format!("-device virtio-blk-device,drive=drive-{number}")));
                let file = run.trial_folder(record.cell.id.as_str(), record.trial).join("trial.json");
                match written.entry((record.verdict.kind, record.verdict.title.clone())) {
                    Entry::Vacant(entry) => {
                        write_trial(&run, &record);
                        entry.insert(file);
                    }
                    Entry::Occupied(known) => {
                        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                        std::fs::hard_link(known.get(), file).unwrap();
                    }
                }
            }
        }
        run.finish(3600.0, false).unwrap();
    }

    /// Writes the run, as it is while it goes on.
    pub fn begin(&self) -> RunDir {
        let run = self.create();
        for cell in self.cells {
            self.records(cell).iter().for_each(|record| write_trial(&run, record));
        }
        run
    }

    fn create(&self) -> RunDir {
        let cells = self.cells.iter().map(|cell| self.template(cell).cell).collect();
        let plan = Plan { schema: PLAN_SCHEMA, name: self.matrix.to_owned(), cells, skipped: Vec::new() };
        let started = format!("{}T02:00:00Z", self.date());
        let dir = self.runs.join(self.name());
        RunDir::create(Some(&dir), self.runs, &self.date(), &plan, &started).unwrap()
    }

    fn template(&self, cell: &NightCell) -> TrialRecord {
        let mut record = TEMPLATE.clone();
        record.cell.kernel = "linux-next".into();
        record.cell.payload = Payload::Workload { name: cell.workload.as_str().into(), options: BTreeMap::new() };
        record.cell.id = cell_id(&record.cell);
        record.cell.repeat = cell.repeat;
        record.cell.expect = cell.expect.clone();
        record.kernel_release = Some(format!("7.3.0-rc{}", self.day / 7));
        record.kernel_commit = Some(format!("{:08x}{}", 0xc0ff_ee00_u32 + self.day, "5".repeat(32)));
        record.kernel_digest = Some(Digest::of_bytes(&[self.day as u8; 32]));
        record
    }

    fn records(&self, cell: &NightCell) -> Vec<TrialRecord> {
        let template = self.template(cell);
        let record = |(at, (kind, title)): (usize, &(Kind, Option<String>))| {
            let mut record = template.clone();
            record.trial = u32::try_from(at + 1).unwrap();
            if *kind != record.verdict.kind {
                record.verdict = Verdict::new(*kind, RuleId::CanaryStuck, "the guest is stuck");
            }
            record.verdict.title.clone_from(title);
            record
        };
        cell.trials.iter().enumerate().map(record).collect()
    }
}

/// Writes the record of a trial into a run.
pub fn write_trial(run: &RunDir, record: &TrialRecord) {
    let folder = run.trial_folder(record.cell.id.as_str(), record.trial);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("trial.json"), serde_json::to_vec_pretty(record).unwrap()).unwrap();
}

/// The id of a cell with this workload.
pub fn id(workload: &str) -> String {
    format!("linux-next.riscv64-nommu.32M.{workload}")
}
