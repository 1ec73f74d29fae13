//! The files between the lab and its tasks.

use crate::lab::{Status, TrialSpec};
use crate::store::has_record;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Version of a batch's file.
pub const BATCH_SCHEMA: u32 = 1;

/// Trials that one task runs, one after the other.
#[derive(Debug, Serialize, Deserialize)]
pub struct Batch {
    /// [`BATCH_SCHEMA`].
    pub schema: u32,
    /// The folder for the trials' folders, absolute.
    pub cells: PathBuf,
    /// The trials.
    pub trials: Vec<BatchTrial>,
}

/// A trial of a batch.
#[derive(Debug, Serialize, Deserialize)]
pub struct BatchTrial {
    /// Name of its folder.
    pub folder: String,
    /// What to run.
    pub spec: TrialSpec,
}

/// How far a task has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// [`BATCH_SCHEMA`].
    pub schema: u32,
    /// Name of the node.
    pub node: String,
    /// Position of the trial that runs.
    pub trial: usize,
    /// Its status, once it has one.
    pub status: Option<Status>,
}

/// Where a task's files are, beside its batch.
#[derive(Debug, Clone)]
pub(super) struct TaskFiles {
    batch: PathBuf,
}

impl TaskFiles {
    /// Of the batch in this file.
    pub fn of(batch: &Path) -> Self {
        Self { batch: batch.to_owned() }
    }

    /// Of the task with this index of an array.
    pub fn of_task(array: &Path, index: u32) -> Self {
        Self { batch: array.join(format!("{index}.json")) }
    }

    /// The batch.
    pub fn batch(&self) -> &Path {
        &self.batch
    }

    /// Whether the lab has removed the batch: another array has its trials. Opening a file makes NFS ask the server for it.
    pub fn are_withdrawn(&self) -> bool {
        let is_gone =
            |error: io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::StaleNetworkFileHandle);
        File::open(&self.batch).is_err_and(is_gone)
    }

    /// Its [`Progress`].
    pub fn progress(&self) -> PathBuf {
        self.batch.with_extension("progress")
    }

    /// What the task prints.
    pub fn log(&self) -> PathBuf {
        self.batch.with_extension("log")
    }

    /// The folder of a trial while it runs.
    pub fn trial(&self, name: &str) -> PathBuf {
        self.batch.with_extension("").join(name)
    }
}

/// Moves a trial with its record to where the run has its trials. Returns whether it did: not if another one was first.
///
/// # Errors
/// When it cannot be moved.
pub(super) fn publish(folder: &Path, target: &Path) -> io::Result<bool> {
    match std::fs::rename(folder, target) {
        Err(_) if has_record(target) => Ok(false),
        done => done.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(folder: &Path, record: &str) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("trial.json"), record).unwrap();
    }

    #[test]
    fn first_record_of_a_trial_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other, target) = (dir.path().join("1"), dir.path().join("2"), dir.path().join("cells"));
        trial(&one, "first");
        trial(&other, "second");
        assert!(publish(&one, &target).unwrap());
        assert!(!publish(&other, &target).unwrap());
        assert_eq!(std::fs::read_to_string(target.join("trial.json")).unwrap(), "first");
        assert!(publish(&one, &dir.path().join("elsewhere")).is_err(), "it is gone");
    }

    #[test]
    fn removed_batch_is_withdrawn() {
        let dir = tempfile::tempdir().unwrap();
        let files = TaskFiles::of_task(dir.path(), 0);
        std::fs::write(files.batch(), "{}").unwrap();
        assert!(!files.are_withdrawn());
        std::fs::remove_file(files.batch()).unwrap();
        assert!(files.are_withdrawn());
    }
}
