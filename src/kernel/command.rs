//! Host programs: run in a process group of their own, supervised, logged, and never left behind.

use super::{KernelError, Progress};
use crate::host::{Clock, pause};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, set_parent_process_death_signal, waitid,
};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How often cancellation and progress are checked.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Timeout without output and without progress. The slowest single file of a kernel takes a minute on
/// slow machines; apt gives up on a silent server after 30 s by itself.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(600);
/// Timeout from SIGTERM to SIGKILL.
const TERM_TIMEOUT: Duration = Duration::from_secs(3);
/// How many lines of a log an error message shows.
const TAIL_LINES: usize = 25;

/// A program to run to its end.
pub(crate) struct Job<'a> {
    /// The attempt, to be read after "failed to".
    pub what: String,
    pub command: Command,
    /// Receives its output.
    pub log: PathBuf,
    pub progress: &'a dyn Progress,
}

impl Job<'_> {
    /// Runs it; `watch` sees new output (empty at each tick) and returns any number that grows with progress.
    ///
    /// # Errors
    /// When it cannot be started, fails, falls silent, or the caller cancels.
    pub fn run(self, watch: impl FnMut(&[u8]) -> u64) -> Result<(), KernelError> {
        let Self { what, command, log, progress } = self;
        let status = supervise(&what, command, &log, progress, watch)?;
        if status.success() {
            return Ok(());
        }
        Err(KernelError::Command { what, status: status.to_string(), tail: tail(&log), log })
    }
}

/// The output of a program that succeeds.
pub(crate) fn output_of(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn supervise(
    what: &str,
    mut command: Command,
    log: &Path,
    progress: &dyn Progress,
    mut watch: impl FnMut(&[u8]) -> u64,
) -> Result<ExitStatus, KernelError> {
    let mut log_file = File::create(log).map_err(KernelError::io("write", log))?;
    let (mut reader, writer) = io::pipe().map_err(KernelError::io("open a pipe to", log))?;
    let stderr = writer.try_clone().map_err(KernelError::io("open a pipe to", log))?;
    command.stdin(Stdio::null()).stdout(writer).stderr(stderr).process_group(0);
    // SAFETY: the closure makes one system call and touches no memory of the parent's.
    // SIGTERM, not SIGKILL: make and apt end their own children on it.
    unsafe {
        command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::TERM))?));
    }
    let program = PathBuf::from(command.get_program());
    let child = command.spawn().map_err(KernelError::io("start", &program))?;
    // The parent's ends of the pipe close here, so that its end can be seen.
    drop(command);
    let mut group = Group { child, ended: false };

    let mut buffer = vec![0; 64 * 1024];
    let mut last_sign = Clock::start();
    let mut last_count = 0;
    loop {
        if progress.cancelled() {
            return Err(KernelError::Cancelled);
        }
        let read = read_some(&mut reader, &mut buffer).map_err(KernelError::io("read the output of", &program))?;
        let count = watch(&buffer[..read.unwrap_or(0)]);
        log_file.write_all(&buffer[..read.unwrap_or(0)]).map_err(KernelError::io("write", log))?;
        if read.is_some_and(|n| n > 0) || count != last_count {
            (last_sign, last_count) = (Clock::start(), count);
        }
        // A grandchild may hold the pipe open: the program's own end counts, once its output is drained.
        if !matches!(read, Some(1..))
            && let Some(status) = group.try_wait().map_err(KernelError::io("wait for", &program))?
        {
            return Ok(status);
        }
        if read == Some(0) {
            return group.wait().map_err(KernelError::io("wait for", &program));
        }
        if last_sign.elapsed() > SILENCE_TIMEOUT {
            let status = format!("no output and no progress for {} s", SILENCE_TIMEOUT.as_secs());
            return Err(KernelError::Command { what: what.to_owned(), status, tail: tail(log), log: log.to_owned() });
        }
    }
}

/// Bytes read: `None` after a tick without any, `Some(0)` at the end.
fn read_some(reader: &mut io::PipeReader, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let ready = poll(&mut [PollFd::new(reader, PollFlags::IN)], Some(&TICK));
    match ready {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(None),
        Ok(_) => reader.read(buffer).map(Some),
        Err(error) => Err(error.into()),
    }
}

/// A child that leads a process group; dropping it ends the whole group.
struct Group {
    child: Child,
    ended: bool,
}

impl Group {
    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        self.ended = status.is_some();
        Ok(status)
    }

    /// Waits for the end, at most [`TERM_TIMEOUT`] before it is forced.
    fn wait(&mut self) -> io::Result<ExitStatus> {
        self.await_end();
        self.signal(Signal::KILL);
        self.ended = true;
        self.child.wait()
    }

    /// Leaves the child unreaped: until then its process group is not reused.
    fn await_end(&self) {
        let start = Clock::start();
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while start.elapsed() < TERM_TIMEOUT
            && matches!(waitid(WaitId::Pid(Pid::from_child(&self.child)), options), Ok(None))
        {
            pause(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: Signal) {
        // Fails only when the group has ended already, as intended.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended {
            self.signal(Signal::TERM);
            let _ = self.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{NullProgress, Update};
    use std::sync::atomic::{AtomicU32, Ordering};

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn job<'a>(script: &str, log: &Path, progress: &'a dyn Progress) -> Job<'a> {
        Job { what: "do it".into(), command: shell(script), log: log.to_owned(), progress }
    }

    #[test]
    fn output_is_logged_and_a_failure_shows_its_tail() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut seen = Vec::new();
        let result = job("seq 100; echo broken >&2; exit 3", &log, &NullProgress).run(|bytes| {
            seen.extend_from_slice(bytes);
            0
        });
        let message = result.unwrap_err().to_string();
        assert!(message.starts_with("failed to do it: exit status: 3\n"), "{message}");
        assert!(message.contains("\nbroken\n") && !message.contains("\n50\n"), "{message}");
        assert!(message.contains(log.to_str().unwrap()), "{message}");
        assert_eq!(seen, std::fs::read(&log).unwrap());
    }

    #[test]
    fn grandchild_with_the_pipe_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let start = Clock::start();
        job("sleep 60 & echo done", &dir.path().join("log"), &NullProgress).run(|_| 0).unwrap();
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn cancellation_ends_the_process_group() {
        struct CancelProgress(AtomicU32);
        impl Progress for CancelProgress {
            fn update(&self, _: Update<'_>) {}
            fn cancelled(&self) -> bool {
                self.0.fetch_add(1, Ordering::Relaxed) > 3
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let mut printed = Vec::new();
        let result =
            job("sleep 61 & echo $!; wait", &dir.path().join("log"), &CancelProgress(AtomicU32::new(0))).run(|bytes| {
                printed.extend_from_slice(bytes);
                0
            });
        assert!(matches!(result, Err(KernelError::Cancelled)));
        let pid: i32 = String::from_utf8(printed).unwrap().trim().parse().unwrap();
        // The signal is on its way when the call returns; it is delivered asynchronously.
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        let start = Clock::start();
        while lives() {
            assert!(start.elapsed() < Duration::from_secs(30), "still there");
            std::thread::yield_now();
        }
    }

    #[test]
    fn missing_program_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let job = Job {
            what: "x".into(),
            command: Command::new("no-such-program"),
            log: dir.path().join("log"),
            progress: &NullProgress,
        };
        assert!(job.run(|_| 0).unwrap_err().to_string().starts_with("failed to start no-such-program: "));
    }
}
