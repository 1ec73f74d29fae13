//! Runs each trial in a process of its own: `oomlab trial SPEC.json --out DIR`.

use super::error::LabError;
use super::executor::{Assignment, Execution, Executor};
use super::observer::{Observer, Status};
use crate::host::die_with_parent;
use crate::store::read_trial;
use model::TrialRecord;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

/// Name of the spec in a trial's folder.
const SPEC: &str = "spec.json";

/// What the process itself writes.
const LOG: &str = "lab.log";

/// How long a cancelled trial may take to end its guest: longer than the stop ladder.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(20);

/// Limit of a status line.
const MAX_LINE: u64 = 64 * 1024;

/// Runs trials in processes.
#[derive(Debug, Clone)]
pub struct ProcessExecutor {
    /// The program, which is this one.
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
        // A record of an earlier attempt is not this one's.
        let _ = std::fs::remove_file(folder.join("trial.json"));
        let mut child = self.spawn(&path, folder, File::create(&log).map_err(failed)?).map_err(failed)?;
        let stdout = child.stdout.take();
        let status = {
            let mut forward = std::pin::pin!(forward(stdout, index, observer));
            let mut wait = std::pin::pin!(wait(&mut child, &cancel));
            let mut is_forwarding = true;
            std::future::poll_fn(|cx| {
                if is_forwarding && forward.as_mut().poll(cx).is_ready() {
                    is_forwarding = false;
                }
                wait.as_mut().poll(cx)
            })
            .await
        };
        let status = status.map_err(failed)?;
        match read_trial(folder) {
            Ok(record) => Ok(record),
            Err(_) => {
                let words = std::fs::read_to_string(&log).unwrap_or_default();
                Err(failed(std::io::Error::other(format!("{status} and no record: {}", words.trim()))))
            }
        }
    }

    fn spawn(&self, spec: &Path, folder: &Path, log: File) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg("trial").arg(spec).arg("--out").arg(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).process_group(0).kill_on_drop(true);
        die_with_parent(&mut command);
        command.spawn()
    }
}

/// Waits for the trial's process; a cancelled one is asked to end, then killed.
async fn wait(child: &mut Child, cancel: &CancellationToken) -> std::io::Result<std::process::ExitStatus> {
    if let Some(status) = cancel.run_until_cancelled(child.wait()).await {
        return status;
    }
    if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
        // ESRCH: it has ended.
        let _ = kill_process(pid, Signal::TERM);
    }
    if let Ok(status) = tokio::time::timeout(CANCEL_TIMEOUT, child.wait()).await {
        return status;
    }
    child.start_kill()?;
    child.wait().await
}

/// Passes on what the process says of its trial: a JSON document a line.
async fn forward(stdout: Option<ChildStdout>, index: usize, observer: &dyn Observer) {
    let Some(stdout) = stdout else { return };
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                if let Ok(status) = serde_json::from_slice::<Status>(&line) {
                    observer.status(index, status);
                }
            }
        }
    }
}
