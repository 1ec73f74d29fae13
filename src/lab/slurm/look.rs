//! What the run's folder has of the tasks. On a shared file system each read may take long: none is made on the lab's own thread.

use super::batch::{BATCH_SCHEMA, Progress, TaskFiles};
use crate::store::{StoreError, has_record, read_json, read_trial};
use model::TrialRecord;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What is looked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub files: TaskFiles,
    /// Whether the task's progress is, too.
    pub progress: bool,
    /// Folders of trials.
    pub trials: Vec<PathBuf>,
}

/// What is there of a task.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub progress: Option<Progress>,
    /// For each trial its record, if it has one.
    pub records: Vec<Option<Result<TrialRecord, StoreError>>>,
}

/// Looks for tasks; `cells` is the folder of the trials' folders.
pub(super) fn look(cells: &Path, wanted: &[Wanted]) -> Vec<Found> {
    // Opening a folder makes NFS look at the server's (nfs(5), "close-to-open cache consistency").
    let entries = std::fs::read_dir(cells).into_iter().flatten().flatten();
    let names: BTreeSet<OsString> = entries.map(|entry| entry.file_name()).collect();
    let record = |folder: &PathBuf| {
        let is_there = folder.file_name().is_some_and(|name| names.contains(name));
        (is_there && has_record(folder)).then(|| read_trial(folder))
    };
    let mut opened = None;
    let of_task = |task: &Wanted| {
        let folder = task.files.batch().parent();
        if task.progress && opened != folder.map(Path::to_owned) {
            opened = folder.map(Path::to_owned);
            opened.iter().for_each(|folder| drop(std::fs::read_dir(folder)));
        }
        let progress = task.progress.then(|| read_json(&task.files.progress(), BATCH_SCHEMA).ok()).flatten();
        Found { progress, records: task.trials.iter().map(record).collect() }
    };
    wanted.iter().map(of_task).collect()
}
