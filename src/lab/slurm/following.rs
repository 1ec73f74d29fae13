//! What has become of the tasks: by what Slurm says, and by the records that are there.

use super::dispatcher::{Dispatcher, OpenTask, OpenTrial};
use super::disposition::{Disposition, TaskEnd, disposition};
use super::executor::Update;
use super::look::{Found, Wanted, look};
use crate::lab::LabError;
use crate::schedule::Costs;
use crate::slurm::{Ending, ExitCode, Task, TaskId, TaskState};
use model::printable;
use std::collections::{BTreeMap, BTreeSet};
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

/// How long a record that is there may be unreadable, as by a server that restarts.
const MAX_UNREADABLE: Duration = Duration::from_secs(60);

impl Dispatcher {
    /// Asks Slurm for the states of the tasks.
    pub(super) async fn list(&mut self) -> Result<(), LabError> {
        let arrays: BTreeSet<u32> = self.tasks.iter().map(|task| task.id.array).collect();
        let listed = self.options.slurm.tasks(&arrays.into_iter().collect::<Vec<_>>()).await?;
        let mut listed: BTreeMap<TaskId, Task> = listed.into_iter().map(|task| (task.id, task)).collect();
        let now = self.clock.elapsed();
        for task in self.tasks.iter_mut().filter(|task| task.tracker.over().is_none()) {
            let rest = TaskId { index: TaskId::REST, ..task.id };
            let seen = listed.remove(&task.id).or_else(|| listed.get(&rest).cloned());
            task.tracker.update(now, seen);
        }
        self.note_waiting();
        // Others of these arrays may run.
        let unschedulable = self.tasks.iter().filter(|task| task.tracker.is_unschedulable()).map(|task| task.id.array);
        let unschedulable: BTreeSet<u32> = unschedulable.collect();
        Ok(self.options.slurm.cancel_waiting(&unschedulable.into_iter().collect::<Vec<_>>()).await?)
    }

    /// Notes why no task runs, after a while and once for each reason.
    fn note_waiting(&mut self) {
        let now = self.clock.elapsed();
        if !self.tasks.iter().all(|task| task.tracker.is(TaskState::Waiting)) {
            self.all_wait = None;
            return;
        }
        if now < *self.all_wait.get_or_insert(now) + LONG_WAIT {
            return;
        }
        let seen = || self.tasks.iter().filter_map(|task| task.tracker.task());
        let reason = seen().find(|task| !["None", "Priority", ""].contains(&task.reason.as_str()));
        if let Some(text) = reason.map(|task| format!("all tasks wait: {}", printable(&task.reason))) {
            self.note_once(text);
        }
    }

    /// Takes the records that are there, and the status of the trials that run: that when the tasks were just listed.
    pub(super) async fn collect(&mut self, is_listed: bool) {
        let wanted = |task: &OpenTask| Wanted {
            files: task.files.clone(),
            progress: is_listed || task.tracker.over().is_some(),
            trials: task.trials.iter().map(|(_, trial)| trial.request.folder.clone()).collect(),
        };
        let (cells, wanted) = (self.run.join("cells"), self.tasks.iter().map(wanted).collect::<Vec<_>>());
        let looked = tokio::task::spawn_blocking(move || look(&cells, &wanted)).await;
        let looked = looked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        for (task, Found { progress, records }) in self.tasks.iter_mut().zip(looked) {
            task.progress = progress.or(task.progress.take());
            let shown = task.progress.as_ref().filter(|_| is_listed && task.tracker.is(TaskState::Running));
            let mut records = records.into_iter();
            task.trials.retain_mut(|(position, OpenTrial { request, unreadable, .. })| {
                if let Some(status) = shown.filter(|progress| progress.trial == *position).and_then(|it| it.status) {
                    let _ = request.updates.send(Update::Status(status));
                }
                match records.next().flatten() {
                    Some(Ok(record)) => {
                        // Its task was ended by others than the lab, and its worker still recorded that.
                        self.ends.incomplete.fetch_or(record.is_interrupted(), Ordering::Relaxed);
                        if !record.is_interrupted() {
                            self.costs.update(Costs::of([&record]));
                        }
                        request.end(Ok(record));
                        false
                    }
                    Some(Err(error)) => {
                        *unreadable = Some(error);
                        true
                    }
                    None => {
                        *unreadable = None;
                        true
                    }
                }
            });
        }
    }

    /// Decides on the trials of tasks that are over and have left no record.
    ///
    /// # Errors
    /// When a record cannot be read or written.
    pub(super) fn settle(&mut self) -> Result<(), LabError> {
        let now = self.clock.elapsed();
        for task in &mut self.tasks {
            let Some(over) = task.tracker.over().filter(|over| now >= over.since + SETTLE) else { continue };
            if let Some(error) = task.trials.iter_mut().find_map(|(_, trial)| trial.unreadable.take()) {
                if now >= over.since + MAX_UNREADABLE {
                    return Err(error.into());
                }
                continue;
            }
            let (ending, text) = (over.ending, task.describe());
            let mut again = 0;
            let mut trials = std::mem::take(&mut task.trials).into_iter();
            while let Some((position, trial)) = trials.next() {
                let has_begun = task.progress.as_ref().is_some_and(|progress| progress.trial >= position);
                let has_begun_any = task.progress.is_some();
                let done = match trial.request.publish_left(&task.files) {
                    Ok(false) => match disposition(&TaskEnd { ending, has_begun_any, has_begun, lost: trial.lost }) {
                        Disposition::Resubmitted => {
                            again += 1;
                            let is_lost = ending.is_none_or(|ending| ending == Ending::Lost);
                            self.waiting.push(OpenTrial { lost: trial.lost + u32::from(is_lost), ..trial });
                            continue;
                        }
                        Disposition::Interrupted => {
                            self.ends.incomplete.store(true, Ordering::Relaxed);
                            trial.request.interrupt(&text);
                            Ok(())
                        }
                        Disposition::Failed => trial.request.fail(&task.files, &text),
                    },
                    published => published.map(drop),
                };
                if let Err(error) = done {
                    // They are answered with the failure once the jobs are cancelled.
                    self.waiting.push(trial);
                    self.waiting.extend(trials.map(|(_, trial)| trial));
                    return Err(error);
                }
            }
            // A worker that lives on without Slurm's knowledge ends no trial then.
            let _ = std::fs::remove_file(task.files.batch());
            let then = if again > 0 { format!("; submitting {again} of its trials again") } else { String::new() };
            self.observer.note(&format!("slurm: {}{then}", printable(&text)));
        }
        Ok(())
    }
}

impl OpenTask {
    /// `Slurm task 17_3 on n1: TIMEOUT, exit code 0 (TimeLimit); its output ends: …`.
    fn describe(&self) -> String {
        let Some(seen) = self.tracker.task() else {
            return format!("Slurm task {}: Slurm does not know it any more", self.id);
        };
        let node = self.progress.as_ref().map_or(seen.node.as_str(), |progress| progress.node.as_str());
        let place = if node.is_empty() { String::new() } else { format!(" on {node}") };
        let reason =
            if ["None", ""].contains(&seen.reason.as_str()) { String::new() } else { format!(" ({})", seen.reason) };
        let exit = seen.exit.map(|exit| format!(", {exit}")).unwrap_or_default();
        let text = format!("Slurm task {}{place}: {}{exit}{reason}", self.id, seen.word);
        let log = std::fs::read(self.files.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log[log.len().saturating_sub(MAX_LOG)..]);
        let log = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        if seen.exit.is_some_and(ExitCode::lacks_output) {
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
