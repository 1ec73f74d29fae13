//! Programs that are run to their end for what they print.

use super::group::{Orphans, SpawnError};
use super::output::{Output, PipedProcess};
use rustix::process::Signal;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Command;

/// The end of standard error that is kept, in bytes.
const MAX_STDERR: usize = 64 * 1024;

/// A program that did not do what it was run for.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It cannot be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It did not end in time, and was killed.
    #[error("`{program}` did not end within {seconds} s")]
    TimedOut {
        /// Name of the program.
        program: String,
        /// Seconds waited.
        seconds: u64,
    },
    /// It printed more than is kept, and was killed.
    #[error("`{program}` printed more than {bytes} bytes")]
    TooLong {
        /// Name of the program.
        program: String,
        /// How much is kept.
        bytes: usize,
    },
    /// It ended with an error.
    #[error("{}", if stderr.is_empty() { status.to_string() } else { stderr.clone() })]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// The operating system cannot read its output or wait for it.
    #[error("cannot watch `{program}`: {source}")]
    Io {
        /// Name of the program.
        program: String,
        /// Why not.
        source: io::Error,
    },
}

/// What a program that has ended printed.
#[derive(Debug)]
pub struct Captured {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// The end of its standard error.
    pub stderr: String,
}

impl Captured {
    /// Its standard output, if it succeeded.
    ///
    /// # Errors
    /// [`RunError::Failed`].
    pub fn text(self) -> Result<String, RunError> {
        if self.status.success() {
            return Ok(String::from_utf8_lossy(&self.stdout).into_owned());
        }
        Err(RunError::Failed { status: self.status, stderr: self.stderr.trim().to_owned() })
    }
}

/// What a program may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may run.
    pub timeout: Duration,
    /// How much it may write to standard output, in bytes.
    pub max_stdout: usize,
}

/// Runs a program to its end. Dropping the future kills its process group.
///
/// # Errors
/// When it cannot be started, or exceeds a limit; how it ended is for the caller to judge.
pub async fn capture(command: &mut Command, limits: Limits) -> Result<Captured, RunError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let late = |_| Err(RunError::TimedOut { program: program.clone(), seconds: limits.timeout.as_secs() });
    let process = PipedProcess::spawn(command, Orphans::Signal(Signal::TERM))?;
    tokio::time::timeout(limits.timeout, read(process, &program, limits.max_stdout)).await.unwrap_or_else(late)
}

async fn read(mut process: PipedProcess, program: &str, max_stdout: usize) -> Result<Captured, RunError> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        match process.next().await.map_err(|source| RunError::Io { program: program.to_owned(), source })? {
            Output::Stdout(bytes) => {
                if stdout.len() + bytes.len() > max_stdout {
                    return Err(RunError::TooLong { program: program.to_owned(), bytes: max_stdout });
                }
                stdout.extend(bytes);
            }
            Output::Stderr(bytes) => {
                stderr.extend(bytes);
                stderr.drain(..stderr.len().saturating_sub(MAX_STDERR));
            }
            Output::Exited(status) => {
                let stderr = String::from_utf8_lossy(&stderr).into_owned();
                return Ok(Captured { status, stdout, stderr });
            }
        }
    }
}

/// As [`capture`], for code that blocks its thread.
///
/// # Errors
/// See there.
pub fn capture_blocking(command: std::process::Command, limits: Limits) -> Result<Captured, RunError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let run = || {
        block_on(capture(&mut command.into(), limits)).unwrap_or_else(|source| Err(RunError::Io { program, source }))
    };
    if tokio::runtime::Handle::try_current().is_err() {
        return run();
    }
    // A thread that drives a runtime cannot drive another one.
    std::thread::scope(|scope| scope.spawn(run).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// Drives a future on this thread, which must not drive another one.
///
/// # Errors
/// When the operating system gives no event queue.
pub fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}
