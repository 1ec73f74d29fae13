//! Runs each trial in its own process: `oomlab trial SPEC.json --out DIR`.

use super::error::LabError;
use super::executor::{Assignment, Execution, Executor};
use super::local::{draft, fail};
use super::observer::{Observer, Status};
use crate::host::{Orphans, Output, PipedProcess, SpawnError, lock_while_open};
use crate::store::read_trial;
use model::TrialRecord;
use rustix::process::Signal;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// Name of the spec in a trial's folder.
const SPEC: &str = "spec.json";

/// The file for the process's stderr.
pub(super) const LOG: &str = "lab.log";

/// Timeout for a cancelled trial's exit: longer than it takes to stop QEMU.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum length of a status line, in bytes.
const MAX_LINE: usize = 64 * 1024;

/// Runs trials in processes.
#[derive(Debug, Clone)]
pub struct ProcessExecutor {
    /// The program: `oomlab` itself.
    pub program: PathBuf,
}

impl Executor for ProcessExecutor {
    fn execute<'a>(&'a self, assignment: Assignment<'a>) -> Execution<'a> {
        Box::pin(self.run(assignment))
    }
}

impl ProcessExecutor {
    async fn run(&self, assignment: Assignment<'_>) -> Result<TrialRecord, LabError> {
        let Assignment { spec, folder, index, observer, cancel } = assignment;
        let failed = |source| LabError::Executor { program: self.program.clone(), source };
        let (path, log) = (folder.join(SPEC), folder.join(LOG));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let text = serde_json::to_vec_pretty(spec).map_err(|error| failed(error.into()))?;
        std::fs::write(&path, text).map_err(failed)?;
        // Removes the record of an earlier attempt.
        let _ = std::fs::remove_file(folder.join("trial.json"));
        let log_file = File::create(&log).map_err(failed)?;
        // The process inherits the lock.
        lock_while_open(&log_file);
        let process = self.spawn(&path, folder, log_file);
        let status = supervise(&mut process.map_err(|error| failed(error.into()))?, index, observer, &cancel).await;
        let status = status.map_err(failed)?;
        match read_trial(folder) {
            Ok(record) => Ok(record),
            Err(_) => {
                let words = std::fs::read_to_string(&log).unwrap_or_default();
                let words = words.trim();
                let said = if words.is_empty() { String::new() } else { format!(": {words}") };
                let error = failed(std::io::Error::other(format!("{status} and no record{said}")));
                fail(spec, folder, draft(spec), &error)
            }
        }
    }

    fn spawn(&self, spec: &Path, folder: &Path, log: File) -> Result<PipedProcess, SpawnError> {
        let mut command = Command::new(&self.program);
        command.arg("trial").arg(spec).arg("--out").arg(folder).stderr(log);
        PipedProcess::spawn_stdout(&mut command, Orphans::Signal(Signal::KILL))
    }
}

/// Forwards the trial's status lines (JSON) to the observer until the process exits. Cancellation sends SIGTERM first.
async fn supervise(
    process: &mut PipedProcess,
    index: usize,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> std::io::Result<ExitStatus> {
    let mut line = Vec::new();
    loop {
        let Some(output) = cancel.run_until_cancelled(process.next()).await else {
            return process.stop(CANCEL_TIMEOUT).await;
        };
        match output? {
            Output::Exited(status) => return Ok(status),
            Output::Stdout(bytes) | Output::Stderr(bytes) => {
                for part in bytes.split_inclusive(|&byte| byte == b'\n') {
                    line.extend_from_slice(&part[..part.len().min(MAX_LINE.saturating_sub(line.len()))]);
                    if part.ends_with(b"\n") {
                        if let Ok(status) = serde_json::from_slice::<Status>(&line) {
                            observer.status(index, status);
                        }
                        line.clear();
                    }
                }
            }
        }
    }
}
