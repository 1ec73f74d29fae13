//! QEMU processes of the lab's own. None outlives the lab, however the lab ends.

use super::process::{Orphans, ProcessGroup, SpawnError};
use rustix::process::Signal;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::task::{Context, Poll};
use tokio::process::Command;

/// The end of what a failed QEMU printed that is kept, in bytes.
const WAITING: &str = ": info: QEMU waiting for connection on: ";

const MAX_TAIL: u64 = 2000;

/// A running QEMU. Dropping it kills it.
#[derive(Debug)]
pub struct Qemu {
    group: ProcessGroup,
    log: PathBuf,
}

impl Qemu {
    /// Starts `argv`, its stdout and stderr going to the file `log`. Call it from a thread that lives as long as the lab:
    /// see [`Orphans::Signal`].
    ///
    /// # Errors
    /// When the program is missing or cannot be started.
    pub fn spawn(argv: &[String], log: &Path) -> Result<Self, SpawnError> {
        let program = argv.first().cloned().unwrap_or_default();
        let failed = |source| SpawnError::Failed { program: program.clone(), source };
        let out = File::create(log).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        let mut command = Command::new(&program);
        command.args(argv.get(1..).unwrap_or_default()).stdout(out).stderr(err);
        let group = ProcessGroup::spawn(&mut command, Orphans::Signal(Signal::KILL))?;
        Ok(Self { group, log: log.to_owned() })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// Waits for its end. Cancel safe.
    ///
    /// # Errors
    /// When the operating system cannot wait for it.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.group.wait().await
    }

    /// Ready at its end, as [`Qemu::wait`].
    ///
    /// # Errors
    /// See there.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        self.group.poll_wait(cx)
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.group.signal(Signal::TERM);
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        self.group.signal(Signal::KILL);
    }

    /// The end of what QEMU itself printed, at most 2,000 bytes, without what it always prints.
    pub fn stderr_tail(&self) -> String {
        let read = || -> io::Result<String> {
            let mut file = File::open(&self.log)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(MAX_TAIL)))?;
            let mut bytes = Vec::new();
            file.take(MAX_TAIL).read_to_end(&mut bytes)?;
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().filter(|line| !line.contains(WAITING)).collect();
            Ok(lines.join("\n").trim().to_owned())
        };
        read().unwrap_or_default()
    }
}
