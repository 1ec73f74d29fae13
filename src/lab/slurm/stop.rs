//! The end of a run's jobs before theirs.

use super::dispatcher::Dispatcher;
use crate::slurm::{Slurm, SlurmError, TaskState};
use std::collections::BTreeSet;
use std::time::Duration;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// How long workers may take to end their guests and write their records: longer than the stop ladder.
const TERM_LOOKS: u32 = 60;

/// How long Slurm may take to end what remains: longer than KillWait, which is 30 s by default.
const KILL_LOOKS: u32 = 120;

/// Cancels arrays: what waits at once, what runs by SIGTERM to its script, then by Slurm's own means. Returns whether all of it has
/// ended.
///
/// # Errors
/// When Slurm does not answer.
pub(super) async fn end_arrays(slurm: &Slurm, arrays: &[u32]) -> Result<bool, SlurmError> {
    if arrays.is_empty() {
        return Ok(true);
    }
    slurm.terminate(arrays).await?;
    if is_ended_within(slurm, arrays, TERM_LOOKS).await? {
        return Ok(true);
    }
    slurm.cancel(arrays).await?;
    is_ended_within(slurm, arrays, KILL_LOOKS).await
}

async fn is_ended_within(slurm: &Slurm, arrays: &[u32], looks: u32) -> Result<bool, SlurmError> {
    for _ in 0..looks {
        let tasks = slurm.tasks(arrays).await?;
        // On a node that is down, a task completes until Slurm gives the node up.
        if tasks.iter().all(|task| matches!(task.state, TaskState::Ended(_) | TaskState::Completing)) {
            return Ok(true);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(false)
}

impl Dispatcher {
    /// Cancels all jobs, and takes the records that their trials have left.
    pub(super) async fn stop(&mut self) {
        let arrays: BTreeSet<u32> = self.tasks.iter().map(|task| task.id.array).collect();
        let arrays: Vec<u32> = arrays.into_iter().collect();
        let ended = end_arrays(&self.options.slurm, &arrays).await;
        self.collect();
        match ended {
            Ok(true) => {
                if let Some(jobs) = self.jobs.take() {
                    // What stays is removed when the run is resumed.
                    let _ = jobs.remove();
                }
            }
            Ok(false) => {
                self.observer.note("slurm: some tasks have not ended; `oomlab run --resume` cancels them again")
            }
            Err(error) => {
                let why = model::printable(&error.to_string());
                self.observer
                    .note(&format!("slurm: cannot cancel the jobs: {why}; `oomlab run --resume` cancels them"));
            }
        }
    }
}
