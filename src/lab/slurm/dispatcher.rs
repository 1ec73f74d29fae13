//! Submits trials, follows their tasks, and collects their records.

use super::batch::{Progress, TaskFiles, publish};
use super::executor::{Ends, Request, SlurmOptions, Update};
use super::folder::JobsFolder;
use super::intake::Intake;
use super::submission::{Draft, Unconfirmed};
use super::task_tracker::TaskTracker;
use crate::host::Clock;
use crate::lab::local::{draft, fail};
use crate::lab::{LabError, Observer};
use crate::schedule::Costs;
use crate::slurm::TaskId;
use crate::store::{StoreError, read_trial};
use model::{Kind, RuleId, TrialRecord, Verdict, printable};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time between two looks at the run's folder.
const TICK: Duration = Duration::from_secs(1);

/// Maximum time between two calls of `squeue`; at first they are more frequent.
const MAX_LIST_PERIOD: Duration = Duration::from_secs(15);

/// How long trials may wait for others with which they can be submitted: cells are prepared one after the other.
const MAX_GATHER: Duration = Duration::from_secs(10);

/// A trial without a record.
#[derive(Debug)]
pub(super) struct OpenTrial {
    pub request: Request,
    /// How often a task with it was lost.
    pub lost: u32,
    /// Why the record that it has cannot be read.
    pub unreadable: Option<StoreError>,
}

impl OpenTrial {
    fn new(request: Request) -> Self {
        Self { request, lost: 0, unreadable: None }
    }
}

/// A task with trials that have no record.
#[derive(Debug)]
pub(super) struct OpenTask {
    pub id: TaskId,
    pub files: TaskFiles,
    /// With their positions in the batch.
    pub trials: Vec<(usize, OpenTrial)>,
    pub tracker: TaskTracker,
    /// How far it had come at the last look.
    pub progress: Option<Progress>,
}

/// One task of the runtime owns all of it. While it waits for a command of Slurm, each open trial is in one of these lists: the run may be
/// stopped then.
pub(super) struct Dispatcher {
    pub options: SlurmOptions,
    pub run: PathBuf,
    pub ends: Ends,
    pub observer: Arc<dyn Observer>,
    pub cancel: CancellationToken,
    pub waiting: Vec<OpenTrial>,
    /// Arrays that are about to be submitted.
    pub drafts: VecDeque<Draft>,
    /// An array that is being submitted; also one that Slurm may have without having said so.
    pub unconfirmed: Option<Unconfirmed>,
    pub tasks: Vec<OpenTask>,
    pub jobs: Option<JobsFolder>,
    /// Number of arrays so far.
    pub arrays: u32,
    /// Whether Slurm may have an array whose trials were submitted again.
    pub may_have_duplicates: bool,
    pub costs: Costs,
    pub clock: Clock,
    pub intake: Intake,
    /// Since when trials wait, and their number at the last step.
    gathered: Option<(Duration, usize)>,
    list_at: Duration,
    /// Since when no task runs.
    pub all_wait: Option<Duration>,
    /// The last note about a condition that may last.
    last_note: Option<String>,
}

impl Dispatcher {
    pub fn new(
        options: SlurmOptions,
        run: &Path,
        ends: Ends,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            costs: options.costs.clone(),
            intake: Intake::new(options.max_array),
            options,
            run: run.to_owned(),
            ends,
            observer,
            cancel,
            waiting: Vec::new(),
            drafts: VecDeque::new(),
            unconfirmed: None,
            tasks: Vec::new(),
            jobs: None,
            arrays: 0,
            may_have_duplicates: false,
            clock: Clock::start(),
            gathered: None,
            list_at: Duration::ZERO,
            all_wait: None,
            last_note: None,
        }
    }

    /// Runs until there is no executor any more.
    pub async fn run(mut self) {
        while self.receive().await {
            let cancel = self.cancel.clone();
            let failure = match cancel.run_until_cancelled(self.step()).await {
                Some(Ok(())) => continue,
                Some(Err(error)) => Some(error.to_string()),
                None => None,
            };
            self.stop().await;
            self.refuse(failure.as_deref());
            while let Some(request) = self.ends.requests.recv().await {
                self.waiting.push(OpenTrial::new(request));
                self.refuse(failure.as_deref());
            }
            return;
        }
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.unconfirmed.is_none() && self.tasks.is_empty()
    }

    /// Receives trials until it is time for a step; returns whether there is one.
    async fn receive(&mut self) -> bool {
        let mut tick = std::pin::pin!(tokio::time::sleep(TICK));
        let mut is_open = true;
        loop {
            tokio::select! {
                request = self.ends.requests.recv(), if is_open => match request {
                    Some(request) => self.waiting.push(OpenTrial::new(request)),
                    None => is_open = false,
                },
                () = &mut tick, if !self.is_idle() => return true,
                () = self.cancel.cancelled() => return true,
            }
            if !is_open && self.is_idle() {
                return false;
            }
        }
    }

    async fn step(&mut self) -> Result<(), LabError> {
        // Only what a command has said counts for an outage.
        if self.unconfirmed.is_some() && self.intake.size(self.clock.elapsed()) > 0 {
            let confirmed = self.confirm().await;
            self.reached(confirmed)?;
        }
        let may_submit = self.unconfirmed.is_none() && self.slots() > 0 && !self.waiting.is_empty();
        if may_submit && self.has_gathered() {
            let submitted = self.submit().await;
            self.reached(submitted)?;
        }
        let is_list_due = !self.tasks.is_empty() && self.clock.elapsed() >= self.list_at;
        if is_list_due {
            let listed = self.list().await;
            self.reached(listed)?;
            let period = (self.clock.elapsed() / 60).clamp(TICK, MAX_LIST_PERIOD);
            self.list_at = self.clock.elapsed() + period;
        }
        self.collect(is_list_due).await;
        self.settle()?;
        self.tasks.retain(|task| !task.trials.is_empty());
        if self.is_idle() {
            self.close().await;
        }
        Ok(())
    }

    /// Whether no further trials have come for a while, or the first one waits for long.
    fn has_gathered(&mut self) -> bool {
        let (now, count) = (self.clock.elapsed(), self.waiting.len());
        let before = self.gathered.take().filter(|_| count > 0);
        let (since, counted) = before.unwrap_or((now, 0));
        let is_complete = count == counted || now >= since + MAX_GATHER;
        if !is_complete {
            self.gathered = Some((since, count));
        }
        is_complete
    }

    /// Tolerates an outage of the controller: tasks run on without it.
    fn reached(&mut self, done: Result<(), LabError>) -> Result<(), LabError> {
        match done {
            Err(LabError::Slurm(error)) if error.may_pass() => {
                self.note_once(format!("{}; trying again", printable(&error.to_string())));
                let goes_on = self.intake.unreachable(self.clock.elapsed());
                if goes_on { Ok(()) } else { Err(error.into()) }
            }
            Ok(()) => {
                self.intake.reached();
                Ok(())
            }
            failed => failed,
        }
    }

    /// Notes a condition that may last, once.
    pub(super) fn note_once(&mut self, text: String) {
        if self.last_note.as_ref() != Some(&text) {
            self.observer.note(&format!("slurm: {text}"));
            self.last_note = Some(text);
        }
    }

    /// Answers all trials that are open: as interrupted, or with the failure.
    fn refuse(&mut self, failure: Option<&str>) {
        self.take_back();
        let of_tasks = self.tasks.drain(..).flat_map(|task| task.trials).map(|(_, trial)| trial);
        for trial in of_tasks.chain(self.waiting.drain(..)) {
            match failure {
                Some(why) => trial.request.end(Err(LabError::Dispatcher { why: why.to_owned() })),
                None => trial.request.interrupt("the run was stopped before the trial had ended"),
            }
        }
    }
}

impl Request {
    /// Name of the trial's folder.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub fn end(&self, result: Result<TrialRecord, LabError>) {
        // Without a receiver the run has failed, and nothing is left to tell.
        let _ = self.updates.send(Update::Ended(Box::new(result)));
    }

    /// Answers with a record that is not written: a resumed run runs the trial.
    pub fn interrupt(&self, why: &str) {
        let verdict = Verdict::new(Kind::Interrupted, RuleId::Interrupted, why);
        self.end(Ok(TrialRecord { verdict, ..draft(&self.spec) }));
    }

    /// Ends the trial with the complete record that its worker has left in the task's folder, where it could not be moved or the worker died
    /// before; returns whether there is one. Only a record that is about its guest has a node.
    pub fn publish_left(&self, files: &TaskFiles) -> Result<bool, LabError> {
        let folder = files.trial(&self.name());
        if read_trial(&folder).is_ok_and(|record| record.node.is_some()) {
            let moved = publish(&folder, &self.folder);
            moved.map_err(|source| LabError::Io { what: "moving a trial's folder to the run's", source })?;
            self.end(Ok(read_trial(&self.folder)?));
            return Ok(true);
        }
        Ok(false)
    }

    /// Records the failure of its task, with the files that the trial has left; if its worker has recorded it after all, that counts.
    pub fn fail(&self, files: &TaskFiles, why: &str) -> Result<(), LabError> {
        let folder = files.trial(&self.name());
        let error = LabError::Dispatcher { why: why.to_owned() };
        let record = fail(&self.spec, &folder, draft(&self.spec), &error)?;
        let moved = publish(&folder, &self.folder);
        let is_own = moved.map_err(|source| LabError::Io { what: "moving a trial's folder to the run's", source })?;
        self.end(Ok(if is_own { record } else { read_trial(&self.folder)? }));
        Ok(())
    }
}
