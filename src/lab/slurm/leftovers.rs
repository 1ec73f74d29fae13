//! Jobs of a lab that died.

use super::folder::JobsFolder;
use super::stop::{EndedJobs, end_jobs, ids};
use crate::host::run_blocking;
use crate::lab::LabError;
use crate::slurm::{Slurm, SlurmError, Task, TaskState};
use crate::store::RunDir;
use model::printable;
use std::path::Path;

/// Cancels the jobs that a lab has left when it died, and waits until they are gone. Trials that they have ended stay. Returns the
/// number of tasks that had not ended.
///
/// # Errors
/// When Slurm does not answer, or does not end them.
pub fn cancel_leftovers(run: &RunDir) -> Result<usize, LabError> {
    let Some((folder, owner)) = JobsFolder::open(run)? else { return Ok(0) };
    let failed = |source| LabError::Io { what: "starting Slurm's commands", source };
    let is_own = std::fs::canonicalize(run.path()).is_ok_and(|own| own == owner);
    if !is_own {
        // A copy of a run, or the run under another path. Without Slurm's commands it is a copy.
        return match run_blocking(|| live(folder.prefix())).map_err(failed)? {
            Ok(live) if live.is_empty() => Ok(0),
            Ok(live) => Err(LabError::Dispatcher { why: elsewhere(&live, &owner, run) }),
            Err(LabError::Slurm(SlurmError::Missing { .. })) => Ok(0),
            Err(error) => Err(LabError::Dispatcher { why: unknown(&error, &folder, &owner) }),
        };
    }
    let cancelled = run_blocking(|| cancel(folder.prefix())).map_err(failed)?;
    let cancelled = cancelled.map_err(|error| match error {
        LabError::Slurm(SlurmError::Missing { program }) => {
            LabError::Dispatcher { why: unreachable(program, folder.prefix(), folder.path()) }
        }
        error => error,
    })?;
    folder.remove().map_err(|source| LabError::Io { what: "removing the folder of Slurm's jobs", source })?;
    Ok(cancelled)
}

/// The tasks of the lab that died that have not ended.
async fn live(prefix: &str) -> Result<Vec<Task>, LabError> {
    let mut tasks = Slurm::default().mine(prefix).await?;
    tasks.retain(|task| !task.state.is_over());
    Ok(tasks)
}

fn elsewhere(live: &[Task], owner: &Path, run: &RunDir) -> String {
    let (owner, path) = (printable(&owner.display().to_string()), printable(&run.path().display().to_string()));
    format!(
        "the run was started as {owner}, and Slurm tasks of it still run: {}: resume it there, or `scancel` them if {path} is the same \
         folder; if it is a copy, remove {path}/slurm",
        ids(live)
    )
}

fn unknown(error: &LabError, folder: &JobsFolder, owner: &Path) -> String {
    let (owner, folder) = (printable(&owner.display().to_string()), folder.path().display());
    format!(
        "the run was started as {owner}, and whether Slurm tasks of it run is unknown: {error}; if this is a copy, remove {folder}"
    )
}

fn unreachable(program: &str, prefix: &str, folder: &Path) -> String {
    format!(
        "the lab that died has left Slurm jobs, named {prefix}…, and this host has no `{program}` to cancel them: resume the run on a host \
         with Slurm's commands; if none of the jobs is left, remove {}",
        folder.display()
    )
}

async fn cancel(prefix: &str) -> Result<usize, LabError> {
    let EndedJobs { cancelled, mut left } = end_jobs(&Slurm::default(), prefix).await?;
    // Slurm has done what it can for those that complete; without their batches they end no trial.
    left.retain(|task| task.state != TaskState::Completing);
    let why =
        format!("Slurm tasks of the lab that died still run: {}: `scancel` them, then resume the run", ids(&left));
    if left.is_empty() { Ok(cancelled) } else { Err(LabError::Dispatcher { why }) }
}
