//! Runs a program to its exit and captures its output.

use super::group::{Orphans, SpawnError};
use super::output::{Output, PipedProcess};
use rustix::process::Signal;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Command;

/// Maximum bytes kept of standard error: the last ones.
const MAX_STDERR: usize = 64 * 1024;

/// A failed run of a program.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It cannot be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It did not exit in time, and was killed.
    #[error("`{program}` did not end within {seconds} s")]
    TimedOut {
        /// Name of the program.
        program: String,
        /// Seconds waited.
        seconds: u64,
    },
    /// Its standard output exceeded the limit, and it was killed.
    #[error("`{program}` printed more than {bytes} bytes")]
    TooLong {
        /// Name of the program.
        program: String,
        /// The limit, in bytes.
        bytes: usize,
    },
    /// It exited with an error, or was killed by a signal.
    #[error("{}", if stderr.is_empty() { status.to_string() } else { stderr.clone() })]
    Failed {
        /// Its exit status.
        status: ExitStatus,
        /// The last 64 KiB of its standard error, trimmed.
        stderr: String,
    },
    /// Its output cannot be read, or it cannot be waited for.
    #[error("cannot watch `{program}`: {source}")]
    Io {
        /// Name of the program.
        program: String,
        /// The operating system's error.
        source: io::Error,
    },
}

/// Exit status and output of a program.
#[derive(Debug)]
pub struct Captured {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its complete standard output.
    pub stdout: Vec<u8>,
    /// The last 64 KiB of its standard error.
    pub stderr: String,
}

impl Captured {
    /// Its standard output, if it exited with status 0.
    ///
    /// # Errors
    /// [`RunError::Failed`].
    pub fn text(self) -> Result<String, RunError> {
        Ok(String::from_utf8_lossy(&self.success()?).into_owned())
    }

    /// The bytes of its standard output, if it exited with status 0.
    ///
    /// # Errors
    /// [`RunError::Failed`].
    pub fn success(self) -> Result<Vec<u8>, RunError> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        Err(RunError::Failed { status: self.status, stderr: self.stderr.trim().to_owned() })
    }
}

/// Limits of a captured run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum run time.
    pub timeout: Duration,
    /// Maximum bytes on standard output.
    pub max_stdout: usize,
}

/// Runs a program to its exit. Dropping the future kills its process group.
///
/// # Errors
/// When it cannot be started, or exceeds a limit. An exit status other than 0 is no error.
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

/// [`capture`] for blocking code.
///
/// # Errors
/// See [`capture`].
pub fn capture_blocking(command: std::process::Command, limits: Limits) -> Result<Captured, RunError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = run_blocking(|| async { capture(&mut command.into(), limits).await });
    done.unwrap_or_else(|source| Err(RunError::Io { program, source }))
}

/// Runs a future to its end from blocking code, also on a thread of a runtime, where another one cannot be started.
///
/// # Errors
/// When the runtime or a thread for it cannot be created.
pub fn run_blocking<T: Send, F: Future<Output = T>>(start: impl FnOnce() -> F + Send) -> io::Result<T> {
    if tokio::runtime::Handle::try_current().is_err() {
        return block_on(start());
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, || block_on(start()))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs a future on this thread, in a new runtime. Panics on a thread of another runtime.
///
/// # Errors
/// When the runtime cannot be created.
pub fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}
