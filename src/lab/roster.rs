//! The trials of a run that wait and run: which starts next, what is waited for, which runs again.

use super::error::LabError;
use super::run::{Preparations, RunOptions};
use super::trial::Ready;
use crate::host::HostReader;
use crate::schedule::{Active, Admission, Costs, Job, Pace, Queue, Shortage, Stalled, TimeLeft, time_left};
use model::{Cell, CellId, Kind, Plan, RamMib, RuleId, TrialRecord, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// A trial by its cell and number; its index is its place.
type Planned<'p> = (&'p Cell, u32);

/// How long no trial runs because of the host, in seconds: then one runs all the same.
const MAX_HOLD_S: f64 = 60.0;

/// Seconds between forecasts: each simulates the rest of the run.
const FORECAST_PERIOD_S: f64 = 1.0;

/// Seconds after which a message names what the run waits for.
const REPORT_AFTER_S: f64 = 5.0;

/// Seconds in which the memory of a guest that was ended is free again.
const EVICTION_PERIOD_S: f64 = 5.0;

/// How often a trial runs again that was the host's victim.
const MAX_RETRIES: u32 = 2;

/// A run's trials.
pub(super) struct Roster<'p> {
    trials: Vec<Planned<'p>>,
    prepared: BTreeMap<CellId, Result<Ready, Box<Verdict>>>,
    /// `None` when all cells are prepared.
    preparations: Option<Preparations>,
    queue: Queue,
    admission: Admission,
    costs: Costs,
    pace: Pace,
    /// `None` where others admit.
    host: Option<HostReader>,
    max_dump: Option<RamMib>,
    folder: PathBuf,
    /// What runs, by index: ends a trial.
    running: BTreeMap<usize, CancellationToken>,
    /// Trials that the lab has ended, so that the host has memory.
    evicted: BTreeSet<usize>,
    evicted_s: Option<f64>,
    retries: BTreeMap<usize, u32>,
    hold: Option<Hold>,
    forecast_s: Option<f64>,
}

/// The host holds trials back.
struct Hold {
    /// Whether for want of disk space, which ends otherwise.
    is_disk: bool,
    since_s: f64,
    is_reported: bool,
}

/// What comes next.
pub(super) enum Next<'p> {
    /// A trial starts.
    Start { index: usize, cell: &'p Cell, number: u32, ready: Box<Result<Ready, Box<Verdict>>> },
    /// None does; something to tell the user.
    Wait(Option<String>),
}

/// What becomes of a trial that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It has its record.
    Finished,
    /// It runs again.
    Again,
}

impl<'p> Roster<'p> {
    /// The plan's trials without a record.
    pub fn new(
        plan: &'p Plan,
        finished: &[TrialRecord],
        preparations: Preparations,
        options: &RunOptions,
        folder: &Path,
    ) -> Self {
        let (trials, costs) = (unfinished(plan, finished), options.costs.clone());
        let admission = Admission::new(options.budget);
        let job = |(id, trial): (usize, &Planned<'_>)| Job::of(id, *trial, &costs, options.dump);
        let queue = Queue::new(trials.iter().enumerate().map(job), &admission);
        Self {
            queue,
            trials,
            prepared: BTreeMap::new(),
            preparations: Some(preparations),
            admission,
            costs,
            pace: Pace::default(),
            host: options.host.clone(),
            max_dump: options.dump,
            folder: folder.to_owned(),
            running: BTreeMap::new(),
            evicted: BTreeSet::new(),
            evicted_s: None,
            retries: BTreeMap::new(),
            hold: None,
            forecast_s: None,
        }
    }

    /// Whether no trial waits.
    pub fn is_empty(&self) -> bool {
        self.queue.jobs().is_empty()
    }

    /// The trial that starts now, `now_s` seconds after the run's begin.
    ///
    /// # Errors
    /// When the disk has no room for any trial, and gets none.
    pub fn next(&mut self, now_s: f64) -> Result<Next<'p>, LabError> {
        if !self.queue.jobs().iter().any(|job| job.is_ready) || !self.admission.has_slot() {
            self.hold = None;
            return Ok(Next::Wait(None));
        }
        let host = self.host.as_ref().map(|host| host.read(&self.folder)).unwrap_or_default();
        match self.queue.pick(now_s, &self.admission, &host) {
            Ok(job) => Ok(self.start(job, now_s)),
            Err(Some(shortage)) if shortage.is_of_host() => self.hold(shortage, now_s),
            Err(_) => {
                self.hold = None;
                Ok(Next::Wait(None))
            }
        }
    }

    fn start(&mut self, job: Job, now_s: f64) -> Next<'p> {
        let Job { id, need, seconds, is_known, .. } = job;
        self.hold = None;
        self.admission.take(Active { id, need, resident_mib: 0, started_s: now_s, ends_s: now_s + seconds, is_known });
        let (cell, number) = self.trials[id];
        let ready = self.prepared.get(&cell.id).cloned().unwrap_or_else(|| Err(Box::new(unprepared())));
        Next::Start { index: id, cell, number, ready: Box::new(ready) }
    }

    /// The host lacks something. If no trial runs, one does after a while all the same: at once if it needs more than guests ever get, or the
    /// host is just busy.
    fn hold(&mut self, shortage: Shortage, now_s: f64) -> Result<Next<'p>, LabError> {
        let is_idle = self.admission.active().is_empty();
        // A cell that is still being prepared may need less.
        let are_all_ready = self.queue.jobs().iter().all(|job| job.is_ready);
        let is_disk = matches!(shortage, Shortage::Disk { .. });
        let before = self.hold.take().filter(|hold| hold.is_disk == is_disk);
        let hold = self.hold.insert(before.unwrap_or(Hold { is_disk, since_s: now_s, is_reported: false }));
        let held_s = now_s - hold.since_s;
        if is_idle {
            let starts_at_once = match shortage {
                Shortage::Memory { need, .. } => need >= self.admission.budget().ram_mib,
                // One guest is slow then, and harms nothing.
                Shortage::Pressure { on, .. } => on != Stalled::Memory,
                Shortage::Disk { .. } | Shortage::Busy => false,
            };
            match shortage {
                Shortage::Disk { .. } if held_s >= MAX_HOLD_S && are_all_ready => {
                    return Err(LabError::NoRoom { shortage, folder: self.folder.clone() });
                }
                Shortage::Disk { .. } => {}
                _ if starts_at_once || held_s >= MAX_HOLD_S => {
                    if let Some(job) = self.queue.take_first(&self.admission, now_s) {
                        return Ok(self.start(job, now_s));
                    }
                }
                _ => {}
            }
        }
        if hold.is_reported || held_s < REPORT_AFTER_S {
            return Ok(Next::Wait(None));
        }
        hold.is_reported = true;
        let end = match (is_idle, shortage) {
            (false, _) => "no further trial starts until then",
            (true, Shortage::Disk { .. }) if are_all_ready => "the run ends in a minute otherwise",
            (true, Shortage::Disk { .. }) => "the run ends once all cells are prepared, if none of them fits",
            (true, _) => "one starts in a minute at the latest",
        };
        Ok(Next::Wait(Some(format!("waiting for {shortage}; {end}"))))
    }

    /// Notes a trial that has started, and what ends it.
    pub fn started(&mut self, index: usize, cancel: CancellationToken) {
        self.running.insert(index, cancel);
    }

    /// Notes how much memory a guest has touched, in MiB.
    pub fn touched(&mut self, index: usize, resident_mib: u64) {
        self.admission.touched(index, resident_mib);
    }

    /// Whether the host is looked at though no trial ends and none is prepared.
    pub fn watches_host(&self) -> bool {
        self.hold.is_some() || self.running.len() > 1
    }

    /// Ends the latest of several trials if the host is about to run out of memory; it runs again later. Returns what to tell the user.
    pub fn evict(&mut self, now_s: f64) -> Option<String> {
        let is_recent = self.evicted_s.is_some_and(|before| now_s - before < EVICTION_PERIOD_S);
        if self.running.len() <= 1 || is_recent {
            return None;
        }
        let available = self.host.as_ref()?.read(&self.folder).available_mib?;
        let may_end = |index| {
            !self.evicted.contains(&index) && self.retries.get(&index).is_none_or(|retries| *retries < MAX_RETRIES)
        };
        let index = self.admission.evicts(available, may_end)?;
        self.running.get(&index)?.cancel();
        self.evicted.insert(index);
        self.evicted_s = Some(now_s);
        let (cell, _) = self.trials[index];
        Some(format!("{available} MiB of memory are available: {} is ended, and runs again later", cell.id))
    }

    /// Notes a trial that has ended; the user may have stopped it.
    pub fn ended(&mut self, index: usize, record: &TrialRecord, is_cancelled: bool) -> Ended {
        let active = self.leave(index);
        let is_victim = self.evicted.remove(&index) && record.is_interrupted() || is_host_victim(&record.verdict);
        let retries = self.retries.entry(index).or_default();
        // Where others admit, they would give a repetition the same memory.
        if is_victim && self.host.is_some() && !is_cancelled && *retries < MAX_RETRIES {
            *retries += 1;
            let job = Job { is_ready: true, ..Job::of(index, self.trials[index], &self.costs, self.max_dump) };
            self.queue.push(job, &self.admission);
            return Ended::Again;
        }
        if let Some(active) = active.filter(|_| record.duration_s > 0.0 && !record.is_interrupted()) {
            self.pace.add(active.is_known, active.ends_s - active.started_s, record.duration_s);
            self.learn(record);
        }
        Ended::Finished
    }

    /// Notes a trial that the lab could not run.
    pub fn failed(&mut self, index: usize) {
        self.leave(index);
    }

    fn leave(&mut self, index: usize) -> Option<Active> {
        self.running.remove(&index);
        let left = self.admission.give_back(index);
        if self.admission.active().is_empty() {
            // The time in which no trial runs begins.
            self.hold = None;
        }
        left
    }

    /// The further trials of a cell that was not known take what its first one took.
    fn learn(&mut self, record: &TrialRecord) {
        if self.costs.knows(&record.cell) {
            return;
        }
        self.costs.update(Costs::of([record]));
        let trials = &self.trials;
        if self.queue.jobs().iter().any(|job| trials[job.id].0.id == record.cell.id) {
            // What it takes on a host that is as busy as costs expect.
            let seconds = record.duration_s / self.pace.factor(true);
            self.queue.update(&self.admission, |job| {
                if trials[job.id].0.id == record.cell.id {
                    (job.seconds, job.is_known) = (seconds, true);
                }
            });
        }
    }

    /// How long the trials that wait and run still take, inner `None` while too little is known; `None` if that was said just now.
    pub fn time_left(&mut self, now_s: f64) -> Option<Option<TimeLeft>> {
        let is_recent = self.forecast_s.is_some_and(|before| now_s - before < FORECAST_PERIOD_S);
        // Where others admit the trials, those that have started may wait for long.
        if is_recent || self.host.is_none() {
            return None;
        }
        self.forecast_s = Some(now_s);
        Some(time_left(&self.queue, &self.admission, now_s, &self.pace))
    }

    /// Takes the cells that are prepared by now: of those the first trial in order starts, not the first that was prepared.
    pub fn receive_all(&mut self) {
        let Some(preparations) = &mut self.preparations else { return };
        let mut found = BTreeSet::new();
        while let Ok((cell, ready)) = preparations.try_recv() {
            found.insert(cell.clone());
            self.prepared.insert(cell, ready);
        }
        if !found.is_empty() {
            self.are_ready(|cell| found.contains(cell));
        }
    }

    /// Waits for the next prepared cell; without end when all are prepared.
    pub async fn receive(&mut self) {
        let Some(preparations) = &mut self.preparations else { return std::future::pending().await };
        match preparations.recv().await {
            Some((cell, ready)) => {
                self.prepared.insert(cell.clone(), ready);
                self.are_ready(|prepared| *prepared == cell);
            }
            None => {
                self.preparations = None;
                self.are_ready(|_| true);
            }
        }
    }

    fn are_ready(&mut self, is_it: impl Fn(&CellId) -> bool) {
        let trials = &self.trials;
        self.queue.set_ready(|job| is_it(&trials[job.id].0.id));
    }
}

/// Whether the host's OOM killer has ended the guest.
fn is_host_victim(verdict: &Verdict) -> bool {
    verdict.kind == Kind::HostOverloaded && verdict.rule == RuleId::MachineDown
}

/// The plan's trials without a record: all first trials, then all second ones.
fn unfinished<'p>(plan: &'p Plan, finished: &[TrialRecord]) -> Vec<Planned<'p>> {
    let finished: BTreeSet<(&CellId, u32)> = finished.iter().map(|record| (&record.cell.id, record.trial)).collect();
    let max = plan.cells.iter().map(|cell| cell.repeat).max().unwrap_or(0);
    (1..=max)
        .flat_map(|number| plan.cells.iter().filter(move |cell| cell.repeat >= number).map(move |cell| (cell, number)))
        .filter(|(cell, number)| !finished.contains(&(&cell.id, *number)))
        .collect()
}

fn unprepared() -> Verdict {
    Verdict::new(Kind::KernelUnavailable, RuleId::Prepare, "nothing was prepared for this cell")
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
