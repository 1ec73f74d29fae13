//! Jobs of a lab that died.

use super::folder::JobsFolder;
use super::stop::{EndedJobs, end_jobs, ids};
use crate::host::run_blocking;
use crate::lab::LabError;
use crate::slurm::{Slurm, TaskState};
use crate::store::RunDir;

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
    let EndedJobs { cancelled, mut left } = end_jobs(&Slurm::default(), prefix).await?;
    // Slurm has done what it can for those that complete; without their batches they end no trial.
    left.retain(|task| task.state != TaskState::Completing);
    let why =
        format!("Slurm tasks of the lab that died still run: {}: `scancel` them, then resume the run", ids(&left));
    if left.is_empty() { Ok(cancelled) } else { Err(LabError::Dispatcher { why }) }
}
