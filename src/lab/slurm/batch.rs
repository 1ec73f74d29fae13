//! The files between the lab and its tasks.

use crate::lab::{Status, TrialSpec};
use serde::{Deserialize, Serialize};
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
