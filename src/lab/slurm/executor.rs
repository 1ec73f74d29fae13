//! The executor: it passes trials to the dispatcher, and back what becomes of them.

use super::dispatcher::Dispatcher;
use crate::lab::{Assignment, Execution, Executor, LabError, Observer, Status, TrialSpec};
use crate::schedule::Costs;
use crate::slurm::Slurm;
use crate::store::RunDir;
use model::TrialRecord;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// Options of a [`SlurmExecutor`].
#[derive(Debug, Clone)]
pub struct SlurmOptions {
    /// The cluster.
    pub slurm: Slurm,
    /// Maximum number of tasks of an array, from [`Slurm::max_array_size`].
    pub max_array: u32,
    /// Maximum number of tasks at a time; `None` for no limit but Slurm's.
    pub max_tasks: Option<u32>,
    /// The program that tasks run: `oomlab` itself, where the nodes see it.
    pub program: PathBuf,
    /// How long trials take.
    pub costs: Costs,
}

/// Runs the trials of one run as tasks of Slurm job arrays.
#[derive(Debug)]
pub struct SlurmExecutor {
    requests: UnboundedSender<Request>,
    incomplete: Arc<AtomicBool>,
    stop: CancellationToken,
}

/// A trial to run.
#[derive(Debug)]
pub(super) struct Request {
    pub spec: TrialSpec,
    /// The trial's folder.
    pub folder: PathBuf,
    /// Receives what becomes of it; it ends with [`Update::Ended`].
    pub updates: UnboundedSender<Update>,
}

/// What becomes of a trial.
#[derive(Debug)]
pub(super) enum Update {
    Status(Status),
    Ended(Box<Result<TrialRecord, LabError>>),
}

/// The ends that the dispatcher holds.
pub(super) struct Ends {
    pub requests: UnboundedReceiver<Request>,
    pub incomplete: Arc<AtomicBool>,
}

impl SlurmExecutor {
    /// Starts the dispatcher in the present runtime. It tells `observer` what happens to jobs, and cancels them when `cancel` does.
    pub fn start(options: SlurmOptions, run: &RunDir, observer: Arc<dyn Observer>, cancel: CancellationToken) -> Self {
        let (requests, receiver) = unbounded_channel();
        let incomplete = Arc::new(AtomicBool::new(false));
        let ends = Ends { requests: receiver, incomplete: Arc::clone(&incomplete) };
        let stop = cancel.child_token();
        tokio::spawn(Dispatcher::new(options, run.path(), ends, observer, stop.clone()).run());
        Self { requests, incomplete, stop }
    }
}

impl Executor for SlurmExecutor {
    fn execute<'a>(&'a self, assignment: Assignment<'a>) -> Execution<'a> {
        Box::pin(self.request(assignment))
    }

    fn is_incomplete(&self) -> bool {
        self.incomplete.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        self.stop.cancel();
    }
}

impl SlurmExecutor {
    async fn request(&self, assignment: Assignment<'_>) -> Result<TrialRecord, LabError> {
        let Assignment { spec, folder, index, observer, .. } = assignment;
        observer.queued(index);
        let (updates, mut receiver) = unbounded_channel();
        // A dispatcher that has ended has no other end of the channel below, either.
        let _ = self.requests.send(Request { spec: spec.clone(), folder: folder.to_owned(), updates });
        loop {
            match receiver.recv().await {
                Some(Update::Status(status)) => observer.status(index, status),
                Some(Update::Ended(result)) => return *result,
                None => {
                    return Err(LabError::Dispatcher { why: "the dispatcher of Slurm's jobs has ended".to_owned() });
                }
            }
        }
    }
}
