//! Host programs: run in a process group of their own, supervised, logged, and never left behind.

use super::error::CommandEnd;
use super::{KernelError, Progress};
use crate::host::{Clock, Limits, Orphans, Output, PipedProcess, RunError, block_on, capture_blocking};
use rustix::process::Signal;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// How often cancellation and progress are checked.
const TICK: Duration = Duration::from_millis(100);
/// Timeout without output and without progress. The slowest single file of a kernel takes a minute on slow machines; apt
/// gives up on a silent server after 30 s by itself.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(600);
/// Timeout from SIGTERM to SIGKILL.
const TERM_TIMEOUT: Duration = Duration::from_secs(3);
/// Programs that print an answer: a git, a compiler, apt's index of a whole suite.
pub(super) const OUTPUT_LIMITS: Limits = Limits { timeout: Duration::from_secs(600), max_stdout: 1 << 30 };
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
        Err(KernelError::Command { what, end: CommandEnd::Exited(status), tail: tail(&log), log })
    }
}

/// The output of a program that succeeds.
pub(crate) fn output_of(command: Command) -> Result<String, RunError> {
    capture_blocking(command, OUTPUT_LIMITS)?.text()
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
    command: Command,
    log: &Path,
    progress: &dyn Progress,
    mut watch: impl FnMut(&[u8]) -> u64,
) -> Result<ExitStatus, KernelError> {
    let mut log_file = File::create(log).map_err(KernelError::io("write", log))?;
    let program = PathBuf::from(command.get_program());
    let supervising = async {
        // SIGTERM, not SIGKILL: make removes what it has written in part, and apt ends its own children.
        let spawned = PipedProcess::spawn_joined(&mut command.into(), Orphans::Signal(Signal::TERM));
        let mut process = spawned.map_err(io::Error::from).map_err(KernelError::io("start", &program))?;
        let mut ticks = tokio::time::interval(TICK);
        let mut last_sign = Clock::start();
        let mut last_count = 0;
        loop {
            let output = tokio::select! {
                output = process.next() => Some(output.map_err(KernelError::io("read the output of", &program))?),
                _ = ticks.tick() => None,
            };
            let bytes = match output {
                Some(Output::Exited(status)) => return Ok(status),
                Some(Output::Stdout(bytes) | Output::Stderr(bytes)) => bytes,
                None => Vec::new(),
            };
            let count = watch(&bytes);
            log_file.write_all(&bytes).map_err(KernelError::io("write", log))?;
            if !bytes.is_empty() || count != last_count {
                (last_sign, last_count) = (Clock::start(), count);
            }
            let failure = if progress.cancelled() {
                KernelError::Cancelled
            } else if last_sign.elapsed() > SILENCE_TIMEOUT {
                let end = CommandEnd::Silent(SILENCE_TIMEOUT);
                KernelError::Command { what: what.to_owned(), end, tail: tail(log), log: log.to_owned() }
            } else {
                continue;
            };
            process.stop(TERM_TIMEOUT).await.map_err(KernelError::io("end", &program))?;
            return Err(failure);
        }
    };
    block_on(supervising).map_err(KernelError::io("watch", &program))?
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
