//! A run: all trials of a plan, subject to admission.

use super::admission::{Admission, Budget, Need};
use super::diagnosed::Diagnosed;
use super::error::LabError;
use super::executor::{Assignment, Executor};
use super::observer::Observer;
use super::trial::{GuestSpec, Ready, SPEC_SCHEMA, TrialSpec};
use crate::host::{Clock, allow_open_files, wall_clock};
use crate::report;
use crate::store::{RunDir, TrialDir};
use model::{Accel, Cell, CellId, Kind, Plan, RamMib, RuleId, TrialRecord, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A cell's kernel and image, or the verdict if they are missing.
pub type Preparation = (CellId, Result<Ready, Box<Verdict>>);

/// Cells that are prepared, one after the other; it is closed when no more come.
pub type Preparations = UnboundedReceiver<Preparation>;

/// Cells that are all prepared.
pub fn prepared(cells: impl IntoIterator<Item = Preparation>) -> Preparations {
    let (sender, receiver) = unbounded_channel();
    // The receiver is here.
    cells.into_iter().for_each(|cell| drop(sender.send(cell)));
    receiver
}

/// Options of a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Limits on the host's resources.
    pub budget: Budget,
    /// A program in place of every architecture's QEMU.
    pub qemu: Option<PathBuf>,
    /// Maximum RAM of a guest whose memory is dumped after a hang or a crash; `None` for no dumps.
    pub dump: Option<RamMib>,
    /// Diagnose each trial that hung or crashed, not only the first one of a cell with a title.
    pub diagnose_all: bool,
}

/// Runs plans.
pub struct Lab {
    /// Options of the run.
    options: RunOptions,
    /// Runs the trials.
    executor: Arc<dyn Executor>,
    /// Receives the progress.
    observer: Arc<dyn Observer>,
    /// Cancels the run.
    cancel: CancellationToken,
    /// The trials that have diagnostics.
    diagnosed: Arc<Diagnosed>,
}

impl Lab {
    /// A lab that reports to `observer`, until `cancel`.
    pub fn new(
        options: RunOptions,
        executor: Arc<dyn Executor>,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Self {
        Self { options, executor, observer, cancel, diagnosed: Arc::default() }
    }

    /// Runs every trial of the plan into `run`, as soon as its cell is prepared, and returns when all have ended or the run was
    /// cancelled.
    ///
    /// # Errors
    /// When the run directory cannot be written. Any other failure of the lab is a verdict with the outcome `lab-error`, and
    /// the other trials continue.
    pub async fn run(&self, plan: &Plan, preparations: Preparations, run: &RunDir) -> Result<(), LabError> {
        self.resume(plan, &[], preparations, run).await
    }

    /// Runs the trials of the plan that have not finished: the others have these records. See [`Lab::run`].
    ///
    /// # Errors
    /// See there.
    pub async fn resume(
        &self,
        plan: &Plan,
        finished: &[TrialRecord],
        preparations: Preparations,
        run: &RunDir,
    ) -> Result<(), LabError> {
        let clock = Clock::start();
        allow_open_files();
        finished.iter().for_each(|record| self.diagnosed.add(record));
        let trials = unfinished(plan, finished);
        let mut waiting = Waiting { trials, prepared: BTreeMap::new(), preparations: Some(preparations) };
        let mut admission = Admission::new(self.options.budget);
        let mut running: JoinSet<(Need, Result<(), LabError>)> = JoinSet::new();
        let mut failed = None;
        loop {
            waiting.receive_all();
            while !self.cancel.is_cancelled()
                && failed.is_none()
                && let Some(((index, cell, number), need, ready)) = waiting.next(&admission)
            {
                admission.take(need);
                let guest = GuestSpec::Planned { qemu: self.options.qemu.clone() };
                let trial = self.assign(index, cell, number, guest, ready, run);
                running.spawn(async move { (need, trial.run().await.map(drop)) });
            }
            let ends = waiting.trials.is_empty() || self.cancel.is_cancelled() || failed.is_some();
            if running.is_empty() && ends {
                break;
            }
            tokio::select! {
                Some(done) = running.join_next() => {
                    let (need, result) = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
                    admission.give_back(need);
                    failed = failed.or(result.err());
                }
                () = waiting.receive() => {}
                () = self.cancel.cancelled(), if !self.cancel.is_cancelled() => {}
            }
        }
        match failed {
            Some(error) => {
                // The first error tells more than this one.
                let _ = run.pause(clock.now().as_secs_f64());
                Err(error)
            }
            None => Ok(run.finish(clock.now().as_secs_f64(), self.cancel.is_cancelled())?),
        }
    }

    /// Judges a guest that the lab did not plan, until its end, a verdict or cancellation.
    ///
    /// # Errors
    /// See [`Lab::run`].
    pub async fn watch(&self, cell: &Cell, ready: Ready, guest: GuestSpec, run: &RunDir) -> Result<(), LabError> {
        let clock = Clock::start();
        let done = self.assign(0, cell, 1, guest, Ok(ready), run).run().await;
        run.finish(clock.now().as_secs_f64(), self.cancel.is_cancelled())?;
        done.map(drop)
    }

    /// Runs one trial of a cell into a run that may have more trials.
    ///
    /// # Errors
    /// See [`Lab::run`].
    pub async fn trial(
        &self,
        cell: &Cell,
        number: u32,
        ready: Result<Ready, Box<Verdict>>,
        run: &RunDir,
    ) -> Result<TrialRecord, LabError> {
        allow_open_files();
        let guest = GuestSpec::Planned { qemu: self.options.qemu.clone() };
        self.assign(0, cell, number, guest, ready, run).run().await
    }

    fn assign(
        &self,
        index: usize,
        cell: &Cell,
        number: u32,
        guest: GuestSpec,
        ready: Result<Ready, Box<Verdict>>,
        run: &RunDir,
    ) -> Trial {
        Trial {
            index,
            cell: cell.clone(),
            number,
            guest,
            ready,
            run: run.clone(),
            max_dump: self.options.dump,
            diagnosed: (!self.options.diagnose_all).then(|| Arc::clone(&self.diagnosed)),
            executor: Arc::clone(&self.executor),
            observer: Arc::clone(&self.observer),
            cancel: self.cancel.child_token(),
        }
    }
}

/// A trial by its index, cell and number.
type Planned<'p> = (usize, &'p Cell, u32);

/// Trials that have not started.
struct Waiting<'p> {
    trials: Vec<Planned<'p>>,
    prepared: BTreeMap<CellId, Result<Ready, Box<Verdict>>>,
    /// None when all cells are prepared.
    preparations: Option<Preparations>,
}

impl<'p> Waiting<'p> {
    /// Removes the first trial whose cell is prepared and that is admitted.
    fn next(&mut self, admission: &Admission) -> Option<(Planned<'p>, Need, Result<Ready, Box<Verdict>>)> {
        let all = self.preparations.is_none();
        let is_ready = |cell: &Cell| all || self.prepared.contains_key(&cell.id);
        let ready = self.trials.iter().enumerate().filter(|(_, (_, cell, _))| is_ready(cell));
        let (places, needs): (Vec<usize>, Vec<Need>) = ready.map(|(at, (_, cell, _))| (at, Need::of(cell))).unzip();
        let at = admission.next(&needs)?;
        let trial = self.trials.remove(places[at]);
        let ready = self.prepared.get(&trial.1.id).cloned().unwrap_or_else(|| Err(Box::new(unprepared())));
        Some((trial, needs[at], ready))
    }

    /// Takes the cells that are prepared by now: of those the first trial of the plan starts, not the first that was prepared.
    fn receive_all(&mut self) {
        let Some(preparations) = &mut self.preparations else { return };
        while let Ok((cell, ready)) = preparations.try_recv() {
            self.prepared.insert(cell, ready);
        }
    }

    /// Waits for the next prepared cell; without end when all are prepared.
    async fn receive(&mut self) {
        let Some(preparations) = &mut self.preparations else { return std::future::pending().await };
        match preparations.recv().await {
            Some((cell, ready)) => drop(self.prepared.insert(cell, ready)),
            None => self.preparations = None,
        }
    }
}

/// The plan's trials without a record, in order, by index, cell and number: all first trials, then all second ones, so that a
/// stopped run has seen every cell.
fn unfinished<'p>(plan: &'p Plan, finished: &[TrialRecord]) -> Vec<Planned<'p>> {
    let finished: BTreeSet<(&CellId, u32)> = finished.iter().map(|record| (&record.cell.id, record.trial)).collect();
    let max = plan.cells.iter().map(|cell| cell.repeat).max().unwrap_or(0);
    (1..=max)
        .flat_map(|number| plan.cells.iter().filter(move |cell| cell.repeat >= number).map(move |cell| (cell, number)))
        .filter(|(cell, number)| !finished.contains(&(&cell.id, *number)))
        .enumerate()
        .map(|(index, (cell, number))| (index, cell, number))
        .collect()
}

fn unprepared() -> Verdict {
    Verdict::new(Kind::KernelUnavailable, RuleId::Prepare, "nothing was prepared for this cell")
}

/// One trial and its resources.
struct Trial {
    index: usize,
    cell: Cell,
    number: u32,
    guest: GuestSpec,
    ready: Result<Ready, Box<Verdict>>,
    run: RunDir,
    max_dump: Option<RamMib>,
    /// The trials that have diagnostics; `None` if they do not matter.
    diagnosed: Option<Arc<Diagnosed>>,
    executor: Arc<dyn Executor>,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
}

impl Trial {
    async fn run(self) -> Result<TrialRecord, LabError> {
        self.observer.started(self.index, &self.cell, self.number);
        self.clear()?;
        let record = match &self.ready {
            Ok(ready) => self.boot_or_fall_back(ready).await?,
            Err(verdict) => self.unready(verdict)?,
        };
        self.observer.finished(self.index, &record);
        Ok(record)
    }

    /// An internal error of KVM says nothing about the kernel: the trial restarts under TCG. If the kernel did not boot, KVM is
    /// not used again; after the boot, the kernel may have executed an instruction that KVM cannot emulate.
    async fn boot_or_fall_back(&self, ready: &Ready) -> Result<TrialRecord, LabError> {
        let accel = ready.accelerator.accel();
        let record = self.boot(ready, accel).await?;
        if record.verdict.kind != Kind::VcpuFailed || accel != Accel::Kvm {
            return Ok(record);
        }
        if record.boot_s.is_none() {
            ready.accelerator.disable_kvm();
        }
        self.observer.restarted_under_tcg(self.index, &record);
        self.clear()?;
        self.boot(ready, Accel::Tcg).await
    }

    /// A file of an earlier boot is not part of this one's record.
    fn clear(&self) -> Result<(), LabError> {
        Ok(self.run.clear_trial(self.cell.id.as_str(), self.number)?)
    }

    async fn boot(&self, ready: &Ready, accel: Accel) -> Result<TrialRecord, LabError> {
        let spec = TrialSpec {
            schema: SPEC_SCHEMA,
            cell: self.cell.clone(),
            trial: self.number,
            run: self.run.path().display().to_string(),
            guest: self.guest.clone(),
            kernel: ready.kernel.clone(),
            initrd: ready.initrd.clone(),
            firmware: ready.firmware.clone(),
            test: ready.test.clone(),
            accel,
            max_dump: self.max_dump,
            diagnosed: self.diagnosed.as_ref().map(|known| known.titles(&ready.kernel, &self.cell)).unwrap_or_default(),
        };
        let folder = self.run.trial_folder(self.cell.id.as_str(), self.number);
        let assignment = Assignment {
            spec: &spec,
            folder: &folder,
            index: self.index,
            observer: self.observer.as_ref(),
            cancel: self.cancel.clone(),
        };
        let record = self.executor.execute(assignment).await?;
        if let Some(diagnosed) = &self.diagnosed {
            diagnosed.add(&record);
        }
        Ok(record)
    }

    /// Records a trial without a kernel or an image.
    fn unready(&self, verdict: &Verdict) -> Result<TrialRecord, LabError> {
        let cell = self.cell.clone();
        let mut record = TrialRecord::new(cell, self.number, Accel::Tcg, wall_clock(), verdict.clone());
        let why = report::why(&self.run.path().display().to_string(), &record);
        let folder = self.run.trial_folder(self.cell.id.as_str(), self.number);
        TrialDir::record_failure(&folder, &mut record, &why)?;
        Ok(record)
    }
}
