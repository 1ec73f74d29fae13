//! A command of the user's before or after a night.

use super::config::Job;
use crate::host::{Orphans, Output, PipedProcess, supervised};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Bytes of a command's output that are kept.
const MAX_LOG: usize = 1024 * 1024;

/// Why a command has not done its work.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It has failed.
    #[error("exit status {status}; its output is in {}", log.display())]
    Failed {
        /// Its status, as a shell reports it.
        status: i32,
        /// Its output.
        log: PathBuf,
    },
    /// It was killed.
    #[error("killed after {seconds} s, its timeout; its output is in {}", log.display())]
    TimedOut {
        /// The timeout.
        seconds: u64,
        /// Its output.
        log: PathBuf,
    },
    /// The user interrupted the night.
    #[error("interrupted")]
    Interrupted,
    /// It could not be run.
    #[error("cannot run it, or write {}: {source}", log.display())]
    Io {
        /// Its output.
        log: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// Runs a command in `folder`, with these further variables, and writes its output to `log`. At its timeout, on an interrupt and with the
/// lab's death it is killed with all its children.
///
/// # Errors
/// When it fails, takes too long, or cannot be run.
pub async fn run_job(
    job: &Job,
    folder: &Path,
    variables: &[(&str, OsString)],
    log: &Path,
    cancel: &CancellationToken,
) -> Result<(), JobError> {
    let failed = |source| JobError::Io { log: log.to_owned(), source };
    let mut file = File::create(log).map_err(failed)?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut command = supervised("sh");
    command.args(["-c", &job.command]).current_dir(folder).envs(variables.iter().map(|(name, value)| (name, value)));
    let mut process = PipedProcess::spawn_joined(&mut command, Orphans::KillDescendants)
        .map_err(|error| failed(io::Error::from(error)))?;
    let ended = tokio::select! {
        status = follow(&mut process, &mut file) => Some(status.map_err(failed)?),
        () = tokio::time::sleep(job.timeout) => None,
        () = cancel.cancelled() => {
            process.kill().await.map_err(failed)?;
            return Err(JobError::Interrupted);
        }
    };
    match ended {
        Some(0) => Ok(()),
        Some(status) => Err(JobError::Failed { status, log: log.to_owned() }),
        None => {
            process.kill().await.map_err(failed)?;
            Err(JobError::TimedOut { seconds: job.timeout.as_secs(), log: log.to_owned() })
        }
    }
}

/// Reads all output, so that the command never waits for a reader, and returns its exit status.
async fn follow(process: &mut PipedProcess, file: &mut File) -> io::Result<i32> {
    let mut room = MAX_LOG;
    loop {
        match process.next().await? {
            Output::Stdout(bytes) | Output::Stderr(bytes) => {
                let kept = &bytes[..bytes.len().min(room)];
                file.write_all(kept)?;
                room -= kept.len();
            }
            // The supervisor's status is that of a shell.
            Output::Exited(status) => return Ok(status.code().unwrap_or(-1)),
        }
    }
}
