//! A run: all trials of a plan, subject to admission.

use super::diagnosed::Diagnosed;
use super::error::LabError;
use super::executor::Executor;
use super::observer::Observer;
use super::planned::Trial;
use super::residency::Residency;
use super::roster::{Ended, Next, Roster};
use super::trial::{GuestSpec, Ready};
use crate::host::{Clock, HostReader, allow_open_files};
use crate::schedule::{Budget, Costs};
use crate::store::RunDir;
use model::{Cell, CellId, Plan, RamMib, TrialRecord, Verdict};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
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

/// How often the host is looked at while it holds trials back, or may run short of memory.
const HOST_PERIOD: Duration = Duration::from_secs(1);

/// Options of a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Limits on the host's resources.
    pub budget: Budget,
    /// Reads what the host has left; `None` where others admit the trials.
    pub host: Option<HostReader>,
    /// What trials are expected to take.
    pub costs: Costs,
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
        let residency = Arc::new(Residency::new(Arc::clone(&self.observer)));
        let mut roster = Roster::new(plan, finished, preparations, &self.options, run.path());
        let mut running: JoinSet<(usize, Result<TrialRecord, LabError>)> = JoinSet::new();
        let mut failed = None;
        loop {
            let now_s = clock.now().as_secs_f64();
            roster.receive_all();
            residency.each(|index, resident_mib| roster.touched(index, resident_mib));
            while !self.cancel.is_cancelled() && failed.is_none() {
                match roster.next(now_s) {
                    Ok(Next::Start { index, cell, number, ready }) => {
                        let guest = GuestSpec::Planned { qemu: self.options.qemu.clone() };
                        let mut trial = self.assign(index, cell, number, guest, *ready, run);
                        trial.observer = Arc::clone(&residency) as Arc<dyn Observer>;
                        roster.started(index, trial.cancel.clone());
                        running.spawn(async move { (index, trial.attempt().await) });
                    }
                    Ok(Next::Wait(why)) => {
                        why.iter().for_each(|why| self.observer.note(why));
                        break;
                    }
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(why) = roster.evict(now_s) {
                self.observer.note(&why);
            }
            if let Some(left) = roster.time_left(now_s) {
                self.observer.time_left(left);
            }
            let ends = roster.is_empty() || self.cancel.is_cancelled() || failed.is_some();
            if running.is_empty() && ends {
                break;
            }
            tokio::select! {
                Some(done) = running.join_next() => {
                    let (index, result) = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
                    residency.forget(index);
                    match result {
                        Err(error) => {
                            roster.failed(index);
                            self.executor.stop();
                            failed = failed.or(Some(error));
                        }
                        Ok(record) => match roster.ended(index, &record, self.cancel.is_cancelled()) {
                            Ended::Finished => self.observer.finished(index, &record),
                            Ended::Again => {
                                // A record would count as its last one, should the run be interrupted now.
                                if let Err(error) = run.clear_trial(record.cell.id.as_str(), record.trial) {
                                    failed = failed.or(Some(error.into()));
                                }
                                self.observer.requeued(index, &record);
                            }
                        },
                    }
                }
                () = roster.receive() => {}
                () = self.cancel.cancelled(), if !self.cancel.is_cancelled() => {}
                () = tokio::time::sleep(HOST_PERIOD), if roster.watches_host() => {}
            }
        }
        match failed {
            Some(error) => {
                // The first error tells more than this one.
                let _ = run.pause(clock.now().as_secs_f64());
                Err(error)
            }
            None => {
                let is_incomplete = self.cancel.is_cancelled() || self.executor.is_incomplete();
                Ok(run.finish(clock.now().as_secs_f64(), is_incomplete)?)
            }
        }
    }

    /// Judges a guest that the lab did not plan, until its end, a verdict or cancellation.
    ///
    /// # Errors
    /// See [`Lab::run`].
    pub async fn watch(&self, cell: &Cell, ready: Ready, guest: GuestSpec, run: &RunDir) -> Result<(), LabError> {
        let clock = Clock::start();
        let done = self.assign(0, cell, 1, guest, Ok(ready), run).run().await;
        let elapsed_s = clock.now().as_secs_f64();
        match done {
            Ok(_) => Ok(run.finish(elapsed_s, self.cancel.is_cancelled())?),
            Err(error) => {
                // The first error tells more than this one.
                let _ = run.pause(elapsed_s);
                Err(error)
            }
        }
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
