//! QEMU processes that the lab starts. None outlives the lab.

use super::cgroup::Cgroups;
use super::file_lock::lock_while_open;
use super::oom::{OomCounts, OomKiller};
use super::process::{Orphans, ProcessGroup, SpawnError};
use rustix::process::Signal;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::task::{Context, Poll};
use tokio::process::Command;

/// A line that QEMU prints for every socket that it opens.
const WAITING: &str = ": info: QEMU waiting for connection on: ";

/// Bytes of QEMU's output that [`Qemu::stderr_tail`] reads.
const MAX_TAIL: u64 = 2000;

/// The adjustment of a guest's badness: of 1,000 (proc_pid_oom_score_adj(5)), which is the first to be killed, some are left for what
/// the user values even less.
const OOM_SCORE_ADJ: &str = "800";

/// Has the host's OOM killer take a guest rather than a program of the user's. Where that is not allowed, the kernel chooses.
fn offer_to_oom_killer(pid: u32) {
    let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), OOM_SCORE_ADJ);
}

/// A running QEMU. Dropping it kills it.
#[derive(Debug)]
pub struct Qemu {
    group: ProcessGroup,
    log: PathBuf,
    groups: Cgroups,
    /// Before its start.
    oom_counts: OomCounts,
}

impl Qemu {
    /// Starts `argv` with stdout and stderr in the file `log`. Call it from a thread that lives as long as the lab: see
    /// [`Orphans::Signal`].
    ///
    /// # Errors
    /// When the program is missing or cannot be started.
    pub fn spawn(argv: &[String], log: &Path) -> Result<Self, SpawnError> {
        let program = argv.first().cloned().unwrap_or_default();
        let failed = |source| SpawnError::Failed { program: program.clone(), source };
        let out = File::create(log).map_err(failed)?;
        // QEMU inherits the lock: who resumes a run of a killed lab sees whether it still runs.
        lock_while_open(&out);
        let err = out.try_clone().map_err(failed)?;
        let mut command = Command::new(&program);
        command.args(argv.get(1..).unwrap_or_default()).stdout(out).stderr(err);
        // Its groups are those of this process.
        let groups = Cgroups::of_self();
        let oom_counts = OomCounts::read(&groups);
        let group = ProcessGroup::spawn(&mut command, Orphans::Signal(Signal::KILL))?;
        offer_to_oom_killer(group.pid());
        Ok(Self { group, log: log.to_owned(), groups, oom_counts })
    }

    /// The OOM killer that has ended it: it was killed, and that killer has been at work since its start.
    pub fn oom_killer(&self, status: ExitStatus) -> Option<OomKiller> {
        let is_killed = status.signal() == Some(Signal::KILL.as_raw());
        is_killed.then(|| OomCounts::read(&self.groups).killer_since(&self.oom_counts)).flatten()
    }

    /// QEMU's process id.
    pub fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// Waits for QEMU's exit. Cancel safe.
    ///
    /// # Errors
    /// When the pidfd cannot be polled, or the child cannot be reaped.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.group.wait().await
    }

    /// Ready at QEMU's exit; see [`Qemu::wait`].
    ///
    /// # Errors
    /// See there.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        self.group.poll_wait(cx)
    }

    /// Sends SIGTERM to QEMU's process group.
    pub fn terminate(&self) {
        self.group.signal(Signal::TERM);
    }

    /// Sends SIGKILL to QEMU's process group.
    pub fn kill(&self) {
        self.group.signal(Signal::KILL);
    }

    /// The last 2,000 bytes of QEMU's own stdout and stderr, without its "waiting for connection" lines; empty if the log is not readable.
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
