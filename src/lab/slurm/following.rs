//! What has become of the tasks: by what Slurm says, and by the records that are there.

use super::batch::{BATCH_SCHEMA, Progress, TaskFiles};
use super::dispatcher::{Dispatcher, OpenTask, OpenTrial};
use super::executor::Update;
use super::fate::{Fate, Remains, fate};
use crate::lab::LabError;
use crate::schedule::Costs;
use crate::slurm::{Ending, Task, TaskId, TaskState};
use crate::store::{has_record, read_json, read_trial};
use model::printable;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Maximum bytes of a task's output in a message: the last ones.
const MAX_LOG: usize = 600;

/// Time without a running task after which the reason is noted.
const LONG_WAIT: Duration = Duration::from_secs(30);

/// How long a record may take to show after its task has ended: NFS keeps attributes of folders for up to a minute (nfs(5),
/// `acdirmax`), but not across the opening of the folder, with which each look begins.
const SETTLE: Duration = Duration::from_secs(5);

impl Dispatcher {
    /// Asks Slurm for the states of the tasks.
    pub(super) async fn list(&mut self) -> Result<(), LabError> {
        let arrays: BTreeSet<u32> = self.tasks.iter().map(|task| task.id.array).collect();
        let listed = self.options.slurm.tasks(&arrays.into_iter().collect::<Vec<_>>()).await?;
        let mut listed: BTreeMap<TaskId, Task> = listed.into_iter().map(|task| (task.id, task)).collect();
        let now = self.clock.elapsed();
        let mut hopeless = BTreeSet::new();
        for task in self.tasks.iter_mut().filter(|task| task.over.is_none()) {
            let seen = listed.remove(&task.id);
            let is_over = match &seen {
                Some(seen) if seen.is_hopeless() => hopeless.insert(task.id.array),
                Some(seen) => seen.state.is_over(),
                None => true,
            };
            if is_over || hopeless.contains(&task.id.array) {
                task.over.get_or_insert(now);
            }
            task.seen = seen;
        }
        self.note_waiting();
        Ok(self.options.slurm.cancel(&hopeless.into_iter().collect::<Vec<_>>()).await?)
    }

    /// Notes why no task runs, after a while and once for each reason.
    fn note_waiting(&mut self) {
        let now = self.clock.elapsed();
        let is_waiting = |task: &OpenTask| task.seen.as_ref().is_some_and(|seen| seen.state == TaskState::Waiting);
        if !self.tasks.iter().all(is_waiting) {
            self.all_wait = None;
            return;
        }
        if now < *self.all_wait.get_or_insert(now) + LONG_WAIT {
            return;
        }
        let seen = || self.tasks.iter().filter_map(|task| task.seen.as_ref());
        let reason = seen().find(|task| !["None", "Priority", ""].contains(&task.reason.as_str()));
        if let Some(text) = reason.map(|task| format!("all tasks wait: {}", printable(&task.reason))) {
            self.note_once(text);
        }
    }

    /// Takes the records that are there, and the status of the trials that run.
    pub(super) fn collect(&mut self) {
        // Opening the folder makes NFS look at the server's.
        let entries = std::fs::read_dir(self.run.join("cells")).into_iter().flatten().flatten();
        let names: BTreeSet<OsString> = entries.map(|entry| entry.file_name()).collect();
        for task in &mut self.tasks {
            let is_running = task.seen.as_ref().is_some_and(|seen| seen.state == TaskState::Running);
            let progress = if is_running { read_progress(&task.files) } else { None };
            task.trials.retain(|(position, OpenTrial { request, .. })| {
                if let Some(status) = progress.as_ref().filter(|it| it.trial == *position).and_then(|it| it.status) {
                    let _ = request.updates.send(Update::Status(status));
                }
                let is_there = request.folder.file_name().is_some_and(|name| names.contains(name));
                // One that cannot be read is looked at again, and missing at the end.
                let Some(record) =
                    (is_there && has_record(&request.folder)).then(|| read_trial(&request.folder).ok()).flatten()
                else {
                    return true;
                };
                // Its task was cancelled by another than the lab, and its worker still had the time to record that.
                self.ends.incomplete.fetch_or(record.is_interrupted(), Ordering::Relaxed);
                self.costs.update(Costs::of([&record]));
                request.end(Ok(record));
                false
            });
        }
    }

    /// Decides on the trials of tasks that are over and have left no record.
    pub(super) fn settle(&mut self) -> Result<(), LabError> {
        let now = self.clock.elapsed();
        for task in &mut self.tasks {
            if task.over.is_none_or(|over| now < over + SETTLE) {
                continue;
            }
            let progress = read_progress(&task.files);
            let ending = match task.seen.as_ref().map(|seen| seen.state) {
                Some(TaskState::Ended(ending)) => Some(ending),
                // It can never start.
                Some(_) => Some(Ending::Failed),
                None => None,
            };
            let text = task.describe(progress.as_ref());
            let mut again = 0;
            for (position, trial) in task.trials.drain(..) {
                let has_begun = progress.as_ref().is_some_and(|progress| progress.trial >= position);
                match fate(&Remains { ending, has_begun_any: progress.is_some(), has_begun, lost: trial.lost }) {
                    Fate::Resubmitted => {
                        again += 1;
                        let is_lost = ending.is_none_or(|ending| ending == Ending::Lost);
                        self.waiting.push(OpenTrial { lost: trial.lost + u32::from(is_lost), ..trial });
                    }
                    Fate::Interrupted => {
                        self.ends.incomplete.store(true, Ordering::Relaxed);
                        trial.request.interrupt(&text);
                    }
                    Fate::Failed => trial.request.fail(&task.files, &text)?,
                }
            }
            let then = if again > 0 { format!("; submitting {again} of its trials again") } else { String::new() };
            self.observer.note(&format!("slurm: {}{then}", printable(&text)));
        }
        Ok(())
    }
}

impl OpenTask {
    /// `Slurm task 17_3 on n1: TIMEOUT, exit code 0 (TimeLimit); its output ends: …`.
    fn describe(&self, progress: Option<&Progress>) -> String {
        let Some(seen) = &self.seen else {
            return format!("Slurm task {}: Slurm does not know it any more", self.id);
        };
        let node = progress.map_or(seen.node.as_str(), |progress| progress.node.as_str());
        let place = if node.is_empty() { String::new() } else { format!(" on {node}") };
        let reason =
            if ["None", ""].contains(&seen.reason.as_str()) { String::new() } else { format!(" ({})", seen.reason) };
        let text = format!("Slurm task {}{place}: {}, {}{reason}", self.id, seen.word, seen.exit);
        let log = std::fs::read(self.files.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log[log.len().saturating_sub(MAX_LOG)..]);
        let log = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        if seen.exit.lacks_output() {
            let folder = self.files.log().parent().unwrap_or(Path::new(".")).display().to_string();
            return format!(
                "{text}; the node cannot write to {folder}: runs must lie on a file system that all nodes share"
            );
        }
        match log.as_str() {
            "" if seen.state == TaskState::Waiting => format!("{text}: it can never start"),
            "" => text,
            log => format!("{text}; its output ends: {log}"),
        }
    }
}

fn read_progress(files: &TaskFiles) -> Option<Progress> {
    read_json(&files.progress(), BATCH_SCHEMA).ok()
}
