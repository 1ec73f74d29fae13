//! QEMU processes. None outlives the lab, however the lab ends.

use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll};
use tokio::process::{Child, Command};

/// What a person needs of a failed QEMU's own words.
const STDERR_TAIL: u64 = 2000;

/// A QEMU that could not be spawned.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program is not installed.
    #[error("cannot find `{program}`: install it with `oomlab doctor --fix`")]
    Missing {
        /// Name of the program.
        program: String,
    },
    /// Anything else.
    #[error("cannot start `{program}`: {source}")]
    Failed {
        /// Name of the program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
}

/// A running QEMU in a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
    pid: u32,
    log: PathBuf,
    reaped: bool,
}

impl Qemu {
    /// Starts `argv`, its stdout and stderr going to the file `log`.
    ///
    /// Call it from a thread that lives as long as the lab: the parent-death signal is sent when the *thread* that
    /// spawned a process ends (prctl(2), `PR_SET_PDEATHSIG`).
    ///
    /// # Errors
    /// When the program is missing or cannot be started.
    pub fn spawn(argv: &[String], log: &Path) -> Result<Self, SpawnError> {
        let program = argv.first().cloned().unwrap_or_default();
        let failed = |source| SpawnError::Failed { program: program.clone(), source };
        let out = File::create(log).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        let mut command = Command::new(&program);
        command.args(&argv[1..]).stdin(Stdio::null()).stdout(out).stderr(err).process_group(0).kill_on_drop(true);
        die_with_parent(&mut command);
        let child = command.spawn().map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => SpawnError::Missing { program: program.clone() },
            _ => failed(source),
        })?;
        let pid = child.id().unwrap_or_default();
        Ok(Self { child, pid, log: log.to_owned(), reaped: false })
    }

    /// Process id, which is also the group's.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the end. Cancel safe.
    ///
    /// # Errors
    /// When the operating system cannot wait for the child.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.reaped = true;
        Ok(status)
    }

    /// As [`Qemu::wait`].
    ///
    /// # Errors
    /// See there.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<ExitStatus>> {
        // The child keeps what wakes the task: each poll may have a future of its own.
        let status = std::task::ready!(pin!(self.child.wait()).poll(cx));
        self.reaped |= status.is_ok();
        Poll::Ready(status)
    }

    /// Sends SIGTERM to the whole group.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGKILL to the whole group.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Sends a signal to the whole group; a group that is gone already is no error.
    fn signal(&self, signal: Signal) {
        if !self.reaped
            && let Some(group) = i32::try_from(self.pid).ok().and_then(Pid::from_raw)
        {
            // ESRCH: it ended by itself in the meantime, which is what was wanted.
            let _ = kill_process_group(group, signal);
        }
    }

    /// The end of what QEMU itself wrote, at most 2,000 bytes.
    pub fn stderr_tail(&self) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = File::open(&self.log)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(STDERR_TAIL)))?;
            let mut bytes = Vec::new();
            file.take(STDERR_TAIL).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        read().unwrap_or_default()
    }
}

/// Has the kernel kill the child when the thread that spawns it ends.
pub fn die_with_parent(command: &mut Command) {
    let owner = rustix::process::getpid();
    // SAFETY: between fork and exec only async-signal-safe system calls are made, and nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // The owner may have died before the signal was asked for.
            if rustix::process::getppid() != Some(owner) {
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            Ok(())
        });
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
