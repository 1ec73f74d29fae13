//! Process groups: a program and its descendants, which end together.

use super::pidfd::ProcessFd;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::process::{Child, ChildStdin, Command};

/// Timeout for a process's exit after SIGKILL. A process that exceeds it is in state D.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// A program that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program is not installed.
    #[error("cannot find `{program}`: install it with `oomlab doctor --fix`")]
    Missing {
        /// Name of the program.
        program: String,
        /// `ENOENT`.
        source: io::Error,
    },
    /// Any other error.
    #[error("cannot start `{program}`: {source}")]
    Failed {
        /// Name of the program.
        program: String,
        /// The error of fork(2), execve(2) or pidfd_open(2).
        source: io::Error,
    },
}

impl SpawnError {
    fn new(program: String, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { program, source },
            _ => Self::Failed { program, source },
        }
    }
}

/// The operating system's error, without the program's name.
impl From<SpawnError> for io::Error {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::Missing { source, .. } | SpawnError::Failed { source, .. } => source,
        }
    }
}

/// How a group ends when the lab is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// The kernel sends the program this signal when the *thread* that spawned it ends (prctl(2), `PR_SET_PDEATHSIG`):
    /// spawn it from a thread that outlives it. For programs that end their own children.
    Signal(Signal),
    /// For a program under a supervisor ([`super::supervised`]), which kills all descendants of the program. For any other
    /// program.
    KillDescendants,
}

/// A running program in its own process group. The program's exit kills the rest of the group; so does dropping this, where a
/// supervisor does it soon after.
#[derive(Debug)]
pub struct ProcessGroup {
    child: Child,
    exit: ProcessFd,
    pid: Pid,
    status: Option<ExitStatus>,
    supervision: Option<ChildStdin>,
    supervised: bool,
}

impl ProcessGroup {
    /// Starts a program with `/dev/null` as its standard input.
    ///
    /// # Errors
    /// When the program is missing or cannot be started.
    pub fn spawn(command: &mut Command, orphans: Orphans) -> Result<Self, SpawnError> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let failed = |source| SpawnError::new(program.clone(), source);
        let supervised = orphans == Orphans::KillDescendants;
        match orphans {
            Orphans::Signal(signal) => {
                signal_orphan(command.as_std_mut(), signal);
                command.stdin(Stdio::null());
            }
            Orphans::KillDescendants => {
                command.stdin(Stdio::piped());
            }
        }
        // A supervisor that is killed kills nothing.
        command.process_group(0).kill_on_drop(!supervised);
        let mut child = command.spawn().map_err(failed)?;
        let pid = pid_of(&child).map_err(failed)?;
        let exit = ProcessFd::open(pid).map_err(failed)?;
        let supervision = child.stdin.take();
        Ok(Self { child, exit, pid, status: None, supervision, supervised })
    }

    /// The process id of the program, or of its supervisor.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Ready when the program has exited, after SIGKILL to the rest of its group.
    ///
    /// # Errors
    /// When the pidfd cannot be polled, or the child cannot be reaped.
    pub fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        if let Some(status) = self.status {
            return Poll::Ready(Ok(status));
        }
        ready!(self.exit.poll_exit(cx))?;
        // The program is a zombie until it is reaped below, so the group's id cannot have been reused.
        self.signal(Signal::KILL);
        let status = self.child.try_wait()?.ok_or_else(|| io::Error::other("exited process has no status"))?;
        self.status = Some(status);
        Poll::Ready(Ok(status))
    }

    /// Waits for the program's exit; see [`ProcessGroup::poll_wait`]. Cancel safe.
    ///
    /// # Errors
    /// See [`ProcessGroup::poll_wait`].
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        std::future::poll_fn(|cx| self.poll_wait(cx)).await
    }

    /// Sends a signal to the whole group, unless the program has been reaped.
    pub fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            // ESRCH: the group is already gone.
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// Sends SIGTERM to the group, and SIGKILL if the program has not exited within `grace`.
    ///
    /// # Errors
    /// When the program has not exited 10 s after SIGKILL.
    pub async fn stop(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        self.signal(Signal::TERM);
        if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
            return status;
        }
        self.kill().await
    }

    /// Sends SIGKILL to the group, or has the supervisor kill all descendants, and waits for the program's exit.
    ///
    /// # Errors
    /// When the program has not exited after 10 s, or 20 s with a supervisor.
    pub async fn kill(&mut self) -> io::Result<ExitStatus> {
        if self.supervised {
            self.release();
            if let Ok(status) = tokio::time::timeout(KILL_TIMEOUT, self.wait()).await {
                return status;
            }
        }
        self.signal(Signal::KILL);
        let pid = self.pid();
        let stuck = |_| Err(io::Error::other(format!("process {pid} did not end after SIGKILL")));
        tokio::time::timeout(KILL_TIMEOUT, self.wait()).await.unwrap_or_else(stuck)
    }
}

impl ProcessGroup {
    /// Has the supervisor end.
    fn release(&mut self) {
        // The command may have stopped it.
        if self.status.is_none() {
            let _ = kill_process(self.pid, Signal::CONT);
        }
        self.supervision = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if self.supervised {
            self.release();
        } else {
            self.signal(Signal::KILL);
        }
    }
}

fn pid_of(child: &Child) -> io::Result<Pid> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    pid.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Has the kernel send a signal to the program when the calling thread ends.
pub(super) fn signal_orphan(command: &mut std::process::Command, signal: Signal) {
    let owner = rustix::process::getpid();
    // SAFETY: between fork and exec only async-signal-safe system calls are made, and nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(signal))?;
            // The owner may have died before the prctl(2).
            if rustix::process::getppid() != Some(owner) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(())
        });
    }
}
