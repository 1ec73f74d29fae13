//! Jobs of a lab that died.

use super::folder::JobsFolder;
use super::stop::end_arrays;
use crate::host::run_blocking;
use crate::lab::LabError;
use crate::slurm::{Slurm, Task, TaskState};
use crate::store::RunDir;
use std::collections::BTreeSet;

/// Cancels the jobs that a lab has left when it died, and waits until they are gone. Trials that they have ended stay. Returns the
/// number of tasks that had not ended.
///
/// # Errors
/// When Slurm does not answer, or does not end them.
pub fn cancel_leftovers(run: &RunDir) -> Result<usize, LabError> {
    let Some(folder) = JobsFolder::open(run)? else { return Ok(0) };
    let failed = |source| LabError::Io { what: "starting Slurm's commands", source };
    let cancelled = run_blocking(|| cancel(folder.prefix())).map_err(failed)??;
    folder.remove().map_err(|source| LabError::Io { what: "removing the folder of Slurm's jobs", source })?;
    Ok(cancelled)
}

async fn cancel(prefix: &str) -> Result<usize, LabError> {
    let slurm = Slurm::default();
    let mut tasks = slurm.mine(prefix).await?;
    tasks.retain(|task| matches!(task.state, TaskState::Waiting | TaskState::Running));
    let arrays: BTreeSet<u32> = tasks.iter().map(|task| task.id.array).collect();
    if end_arrays(&slurm, &arrays.into_iter().collect::<Vec<_>>()).await? {
        return Ok(tasks.len());
    }
    let left: Vec<Task> = slurm.mine(prefix).await?.into_iter().filter(|task| !task.state.is_over()).collect();
    let ids = left.iter().map(|task| task.id.to_string()).collect::<Vec<_>>().join(" ");
    let why = format!("Slurm tasks of the lab that died still run: {ids}: `scancel` them, then resume the run");
    if left.is_empty() { Ok(tasks.len()) } else { Err(LabError::Dispatcher { why }) }
}
