//! What a task does on its node: the trials of its batch, one after the other.

use super::batch::{BATCH_SCHEMA, Batch, BatchTrial, Progress, TaskFiles, publish};
use crate::host::Clock;
use crate::lab::local::{draft, fail};
use crate::lab::{Assignment, Executor, LabError, LocalExecutor, Observer, Status, TrialSpec};
use crate::store::{has_record, write_json, write_trial};
use model::{Cell, Outcome, TrialRecord};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time between two writes of the status, which all pass through the shared file system.
const STATUS_PERIOD: Duration = Duration::from_secs(2);

/// Within this time of QEMU's death, a signal to all of the task's processes reaches this one, too.
const SIGNAL_SKEW: Duration = Duration::from_secs(1);

/// What ends a task before its last trial.
#[derive(Debug, Clone)]
pub struct TaskSignals {
    /// Slurm ends the task: what ends its guest says nothing of the trial, and the task's state says why.
    pub kill: CancellationToken,
    /// The lab wants what is known of the trial that runs; cancelled with `kill`, too.
    pub stop: CancellationToken,
}

impl Default for TaskSignals {
    fn default() -> Self {
        let kill = CancellationToken::new();
        Self { stop: kill.child_token(), kill }
    }
}

impl TaskSignals {
    /// Whether a record is about its guest, and not about the signal that ended it.
    fn keep(&self, record: &TrialRecord) -> bool {
        if record.is_interrupted() {
            return !self.kill.is_cancelled();
        }
        record.verdict.outcome() != Outcome::LabError || !self.stop.is_cancelled()
    }
}

/// Runs the trials of a batch that have no record, on the node of this name; `path` is the batch's file. Returns whether it came to
/// its end: not when it was stopped, or the lab has removed the file.
///
/// # Errors
/// When the run's folder cannot be written. Any other failure is a record.
pub async fn run_batch(path: &Path, batch: &Batch, node: &str, signals: &TaskSignals) -> Result<bool, LabError> {
    let executor = LocalExecutor::default();
    let files = TaskFiles::of(path);
    for (position, trial) in batch.trials.iter().enumerate() {
        if signals.stop.is_cancelled() || files.are_withdrawn() {
            return Ok(false);
        }
        let target = batch.cells.join(&trial.folder);
        if has_record(&target) {
            continue;
        }
        let folder = files.trial(&trial.folder);
        empty(&folder).map_err(|source| LabError::Io { what: "making a trial's folder", source })?;
        let progress = ProgressFile::new(&files, node, position)?;
        let mut record = run(&executor, trial, &folder, &progress, &signals.stop).await?;
        if record.verdict.outcome() == Outcome::LabError {
            // `scancel` and Slurm's limits signal QEMU as well; the verdict on its death would be about them.
            signals.stop.run_until_cancelled(tokio::time::sleep(SIGNAL_SKEW)).await;
        }
        if !signals.keep(&record) || files.are_withdrawn() {
            return Ok(false);
        }
        record.node = Some(node.to_owned());
        write_trial(&folder, &record)?;
        // If it is there already, another worker was first.
        let _ = publish(&folder, &target)
            .map_err(|source| LabError::Io { what: "moving a trial's folder to the run's", source })?;
    }
    Ok(!signals.stop.is_cancelled())
}

async fn run(
    executor: &LocalExecutor,
    trial: &BatchTrial,
    folder: &Path,
    progress: &ProgressFile<'_>,
    cancel: &CancellationToken,
) -> Result<TrialRecord, LabError> {
    let spec = &trial.spec;
    if let Some(path) = missing(spec) {
        let error = LabError::NotShared { node: progress.node.to_owned(), path: path.to_owned() };
        return fail(spec, folder, draft(spec), &error);
    }
    let assignment = Assignment { spec, folder, index: progress.position, observer: progress, cancel: cancel.clone() };
    executor.execute(assignment).await
}

/// A file of the spec that this node does not see.
fn missing(spec: &TrialSpec) -> Option<&Path> {
    let images = [&spec.initrd, &spec.firmware].into_iter().flatten().map(|(path, _)| path);
    let disk = spec.test.as_ref().map(|test| &test.disk.path);
    let files = std::iter::once(&spec.kernel.image).chain(images).chain(disk);
    files.map(AsRef::as_ref).find(|path: &&Path| !path.exists())
}

/// An empty folder, in place of what an earlier attempt has left.
fn empty(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(folder),
    }
}

/// Writes the progress of a task for the lab.
struct ProgressFile<'a> {
    files: &'a TaskFiles,
    node: &'a str,
    position: usize,
    written: Mutex<Clock>,
}

impl<'a> ProgressFile<'a> {
    fn new(files: &'a TaskFiles, node: &'a str, position: usize) -> Result<Self, LabError> {
        let new = Self { files, node, position, written: Mutex::new(Clock::start()) };
        write_json(&files.progress(), &new.progress(None))?;
        Ok(new)
    }

    fn progress(&self, status: Option<Status>) -> Progress {
        Progress { schema: BATCH_SCHEMA, node: self.node.to_owned(), trial: self.position, status }
    }
}

impl Observer for ProgressFile<'_> {
    fn started(&self, _: usize, _: &Cell, _: u32) {}

    fn status(&self, _: usize, status: Status) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.elapsed() >= STATUS_PERIOD {
            // It is for a display: the record is what counts.
            let _ = write_json(&self.files.progress(), &self.progress(Some(status)));
            *written = Clock::start();
        }
    }

    fn finished(&self, _: usize, _: &TrialRecord) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Accel, Kind, RuleId, Verdict};

    fn keeps(signals: &TaskSignals) -> [bool; 3] {
        [Kind::Finished, Kind::Interrupted, Kind::QemuDied].map(|kind| {
            let cell = model::samples::cell("a", arch::find("arm").unwrap(), "idle");
            let verdict = Verdict::new(kind, RuleId::Driver, "");
            signals.keep(&TrialRecord::new(cell, 1, Accel::Tcg, String::new(), verdict))
        })
    }

    #[test]
    fn record_of_an_ended_task_is_about_its_guest() {
        let signals = TaskSignals::default();
        assert_eq!(keeps(&signals), [true, true, true]);
        signals.stop.cancel();
        assert_eq!(keeps(&signals), [true, true, false], "QEMU may have got the signal that follows");
        let signals = TaskSignals::default();
        signals.kill.cancel();
        assert_eq!(keeps(&signals), [true, false, false]);
        assert!(signals.stop.is_cancelled());
    }
}
