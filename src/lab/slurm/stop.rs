//! The end of a run's jobs before theirs.

use super::dispatcher::Dispatcher;
use super::folder::JobsFolder;
use crate::slurm::{Slurm, SlurmError, Task, TaskState};
use model::printable;
use std::collections::BTreeSet;
use std::time::Duration;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// How long workers may take to end their guests and write their records: longer than it takes to stop QEMU.
const SIGNAL_POLLS: u32 = 60;

/// How long Slurm may take to end what remains: longer than KillWait, which is 30 s by default.
const KILL_POLLS: u32 = 120;

/// What has become of a run's jobs.
#[derive(Debug)]
pub(super) struct EndedJobs {
    /// Number of tasks that waited or ran.
    pub cancelled: usize,
    /// Tasks that have not ended.
    pub left: Vec<Task>,
}

/// Ends all jobs whose names begin so: what waits at once, what runs by a signal to its worker, then by Slurm's own means. A task
/// that completes has processes: Slurm gives them KillWait to end.
///
/// # Errors
/// When Slurm does not answer.
pub(super) async fn end_jobs(slurm: &Slurm, prefix: &str) -> Result<EndedJobs, SlurmError> {
    let mut left = slurm.mine(prefix).await?;
    left.retain(|task| !task.state.is_over());
    let cancelled = left.iter().filter(|task| task.state != TaskState::Completing).count();
    if !left.is_empty() {
        let arrays: BTreeSet<u32> = left.iter().map(|task| task.id.array).collect();
        let arrays: Vec<u32> = arrays.into_iter().collect();
        slurm.cancel_waiting(&arrays).await?;
        slurm.signal_workers(&arrays).await?;
        left = left_after(slurm, &arrays, SIGNAL_POLLS).await?;
        if !left.is_empty() {
            slurm.cancel(&arrays).await?;
            left = left_after(slurm, &arrays, KILL_POLLS).await?;
        }
    }
    Ok(EndedJobs { cancelled, left })
}

/// The tasks that have not ended after so many looks.
async fn left_after(slurm: &Slurm, arrays: &[u32], looks: u32) -> Result<Vec<Task>, SlurmError> {
    let mut left = Vec::new();
    for _ in 0..looks {
        left = slurm.tasks(arrays).await?;
        left.retain(|task| !task.state.is_over());
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(left)
}

/// The ids of tasks, for `scancel`.
pub(super) fn ids(tasks: &[Task]) -> String {
    tasks.iter().map(|task| task.id.to_string()).collect::<Vec<_>>().join(" ")
}

impl Dispatcher {
    /// Ends all jobs, and takes the records that their trials have left.
    pub(super) async fn stop(&mut self) {
        let Some(jobs) = self.jobs.take() else { return };
        let is_over = self.end(&jobs).await;
        self.collect(false).await;
        // A worker that was killed may have left a complete record.
        let is_kept = self.publish_all_left();
        if is_over && is_kept {
            // What stays is removed when the run is resumed.
            let _ = jobs.remove();
        }
    }

    /// Ends the open trials whose complete records are in the folders of their tasks; returns whether all of these could be moved.
    fn publish_all_left(&mut self) -> bool {
        let mut are_all_moved = true;
        for task in &mut self.tasks {
            task.trials.retain(|(_, trial)| match trial.request.publish_left(&task.files) {
                Ok(is_published) => !is_published,
                Err(_) => {
                    are_all_moved = false;
                    true
                }
            });
        }
        are_all_moved
    }

    /// Removes the folder of the jobs when no trial is open.
    pub(super) async fn close(&mut self) {
        let Some(jobs) = self.jobs.take() else { return };
        if !self.may_have_duplicates || self.end(&jobs).await {
            // What stays is removed when the run is resumed.
            let _ = jobs.remove();
        }
    }

    /// Ends all jobs; returns whether that is done.
    async fn end(&self, jobs: &JobsFolder) -> bool {
        let text = match end_jobs(&self.options.slurm, jobs.prefix()).await {
            Ok(ended) if ended.left.is_empty() => return true,
            Ok(ended) => {
                let left = ids(&ended.left);
                format!("slurm: tasks {left} have not ended; `oomlab run --resume` cancels them again")
            }
            Err(error) => {
                let why = printable(&error.to_string());
                format!("slurm: cannot cancel the jobs: {why}; `oomlab run --resume` cancels them")
            }
        };
        self.observer.note(&text);
        false
    }
}
