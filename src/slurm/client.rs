//! Runs Slurm's commands.

use super::array::Array;
use super::error::SlurmError;
use super::settings::Settings;
use super::task::{COLUMNS, Task};
use crate::host::{Limits, RunError, capture};
use std::time::Duration;
use tokio::process::Command;

/// Timeout of a command: longer than its own retries, of 60 s for a configuration that cannot be read.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Timeout of `sbatch`: while the queue is full, it retries 15 times, after 1 s to 15 s (Slurm 22.05, `sbatch.c`).
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(150);

/// Maximum length of a list of tasks: a line has about 100 bytes, MaxJobCount is 10 000 by default.
const MAX_LIST: usize = 64 << 20;

/// The cluster, as its commands show it.
#[derive(Debug, Clone, Default)]
pub struct Slurm {
    settings: Settings,
}

impl Slurm {
    /// With these options for `sbatch`.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Maximum number of tasks of an array.
    ///
    /// # Errors
    /// When Slurm is not there, or has no arrays.
    pub async fn max_array_size(&self) -> Result<u32, SlurmError> {
        let config = run("scontrol", &["show".to_owned(), "config".to_owned()]).await?;
        match max_array_size(&config) {
            Some(max @ 0..=1) => Err(SlurmError::NoArrays(max)),
            Some(max) => Ok(max),
            None => {
                Err(SlurmError::Unexpected { program: "scontrol", said: "a configuration without MaxArraySize".into() })
            }
        }
    }

    /// Submits an array; returns its job id.
    ///
    /// # Errors
    /// When Slurm refuses it or does not answer; it may have the array nevertheless, see [`Slurm::mine`].
    pub async fn submit(&self, array: &Array<'_>) -> Result<u32, SlurmError> {
        let printed = run("sbatch", &array.arguments(&self.settings)).await?;
        // In a federation the cluster's name is behind it.
        let id = printed.trim().split(';').next().and_then(|id| id.parse().ok());
        id.ok_or(SlurmError::Unexpected { program: "sbatch", said: printed })
    }

    /// The tasks of arrays, also those that have ended not long ago (MinJobAge).
    ///
    /// # Errors
    /// When Slurm does not answer.
    pub async fn tasks(&self, arrays: &[u32]) -> Result<Vec<Task>, SlurmError> {
        list(Some(format!("--jobs={}", commas(arrays)))).await
    }

    /// The user's tasks that have a job name with this beginning.
    ///
    /// # Errors
    /// When Slurm does not answer.
    pub async fn mine(&self, prefix: &str) -> Result<Vec<Task>, SlurmError> {
        let mut tasks = list(None).await?;
        tasks.retain(|task| task.name.starts_with(prefix));
        Ok(tasks)
    }

    /// Cancels the tasks of these arrays that wait.
    ///
    /// # Errors
    /// When Slurm does not answer.
    pub async fn cancel_waiting(&self, arrays: &[u32]) -> Result<(), SlurmError> {
        cancel(&["--state=PENDING"], arrays).await
    }

    /// Sends SIGUSR1 to the scripts of the tasks that run, but not to their children. Slurm itself never sends it.
    ///
    /// # Errors
    /// When Slurm does not answer.
    pub async fn signal_workers(&self, arrays: &[u32]) -> Result<(), SlurmError> {
        cancel(&["--batch", "--signal=USR1"], arrays).await
    }

    /// Cancels these arrays: SIGTERM to all processes of their tasks, SIGKILL later (KillWait).
    ///
    /// # Errors
    /// When Slurm does not answer.
    pub async fn cancel(&self, arrays: &[u32]) -> Result<(), SlurmError> {
        cancel(&[], arrays).await
    }
}

async fn list(only: Option<String>) -> Result<Vec<Task>, SlurmError> {
    let mut arguments: Vec<String> =
        ["--me", "--all", "--array", "--noheader", "--states=all"].map(str::to_owned).into_iter().collect();
    arguments.push(format!("--Format={COLUMNS}"));
    arguments.extend(only);
    match run("squeue", &arguments).await {
        Ok(text) => Task::parse_list(&text),
        // It has forgotten all of them.
        Err(SlurmError::Run { source: RunError::Failed { stderr, .. }, .. }) if stderr.contains("Invalid job id") => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

async fn cancel(how: &[&str], arrays: &[u32]) -> Result<(), SlurmError> {
    if arrays.is_empty() {
        return Ok(());
    }
    let arguments: Vec<String> = how
        .iter()
        .map(ToString::to_string)
        .chain(["--quiet".to_owned()])
        .chain(arrays.iter().map(u32::to_string))
        .collect();
    match run("scancel", &arguments).await {
        // One of them has ended, which is as good.
        Ok(_) | Err(SlurmError::Run { source: RunError::Failed { .. }, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn run(program: &'static str, arguments: &[String]) -> Result<String, SlurmError> {
    let mut command = Command::new(program);
    command.args(arguments);
    // What the user has set for their own commands would hide tasks from the lab (formats, filters, another cluster), or send them signals.
    let is_of_user = |name: &str| {
        let names = [
            "SBATCH_WAIT",
            "SBATCH_SIGNAL",
            "SBATCH_OUTPUT",
            "SBATCH_ERROR",
            "SBATCH_CLUSTERS",
            "SLURM_CLUSTERS",
            "SLURM_ARRAY_TASK_ID",
            "SLURM_JOB_ID",
        ];
        name.starts_with("SQUEUE_") || name.starts_with("SCANCEL_") || names.contains(&name)
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_of_user)) {
        command.env_remove(name);
    }
    let timeout = if program == "sbatch" { SUBMIT_TIMEOUT } else { TIMEOUT };
    let captured = capture(&mut command, Limits { timeout, max_stdout: MAX_LIST }).await;
    captured.and_then(|captured| captured.text()).map_err(|error| SlurmError::run(program, error))
}

fn commas(arrays: &[u32]) -> String {
    arrays.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// `MaxArraySize            = 1001` of `scontrol show config`: the first index that a task may not have.
fn max_array_size(config: &str) -> Option<u32> {
    let line = config.lines().find(|line| line.starts_with("MaxArraySize"))?;
    line.split_once('=')?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_array_size_is_read() {
        assert_eq!(max_array_size(include_str!("fixtures/config-22.05.txt")), Some(1001));
        assert_eq!(max_array_size("Configuration data as of now\n"), None);
    }
}
