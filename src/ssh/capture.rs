//! Runs a command to its end and captures its output.

use super::client::Client;
use super::command::{Command, Output, Running, Stdin};
use super::error::SshError;
use super::status::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Maximum bytes kept of standard error: the last ones.
const MAX_STDERR: usize = 64 * 1024;

/// Bytes of input per text.
const CHUNK: usize = 32 * 1024;

/// Exit status and output of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// How it ended.
    pub status: ExitStatus,
    /// Its complete standard output.
    pub stdout: Vec<u8>,
    /// The last 64 KiB of its standard error.
    pub stderr: Vec<u8>,
}

/// Limits of a captured command.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum time from its start to its end.
    pub timeout: Duration,
    /// Maximum bytes on standard output.
    pub max_stdout: usize,
}

impl Client {
    /// Runs a command to its end, with `input` as its standard input. Dropping the future closes its channel; see [`Running`].
    ///
    /// # Errors
    /// When it does not start, exceeds a limit, the input cannot be read, or the connection is lost. An exit status other than
    /// 0 is no error.
    pub async fn capture(
        &self,
        line: &str,
        input: impl AsyncRead + Unpin,
        limits: Limits,
    ) -> Result<Captured, SshError> {
        let command = Command { line: line.to_owned(), pty: None, stdin: Stdin::Piped };
        let done = async {
            let running = self.run(command, limits.timeout).await?;
            exchange(running, line, input, limits.max_stdout).await
        };
        let late = |_| Err(SshError::TimedOut { line: line.to_owned(), act: "end", seconds: limits.timeout.as_secs() });
        tokio::time::timeout(limits.timeout, done).await.unwrap_or_else(late)
    }
}

impl Captured {
    /// Its standard output, if it exited with status 0.
    ///
    /// # Errors
    /// [`SshError::Failed`].
    pub(super) fn success(self, line: &str) -> Result<Vec<u8>, SshError> {
        if self.status.success() {
            return Ok(self.stdout);
        }
        let stderr = String::from_utf8_lossy(&self.stderr).trim().to_owned();
        Err(SshError::Failed { line: line.to_owned(), status: self.status, stderr })
    }
}

/// Sends and reads at the same time: either may have to wait for the other.
async fn exchange(
    mut running: Running,
    line: &str,
    mut content: impl AsyncRead + Unpin,
    max_stdout: usize,
) -> Result<Captured, SshError> {
    let input = running.input().clone();
    let send = async move {
        loop {
            let mut bytes = Vec::with_capacity(CHUNK);
            if content.read_buf(&mut bytes).await.map_err(SshError::Content)? == 0 {
                return input.end().await;
            }
            input.send(bytes).await?;
        }
    };
    let mut send = std::pin::pin!(send);
    let mut is_sending = true;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        let output = tokio::select! {
            sent = &mut send, if is_sending => {
                is_sending = false;
                match sent {
                    // A command may end before its input: its status tells more.
                    Ok(()) | Err(SshError::NoInput) => continue,
                    Err(error) => return Err(error),
                }
            }
            output = running.next() => output?,
        };
        match output {
            Output::Stdout(bytes) => {
                if stdout.len() + bytes.len() > max_stdout {
                    return Err(SshError::TooLong { line: line.to_owned(), bytes: max_stdout });
                }
                stdout.extend(bytes);
            }
            Output::Stderr(bytes) => {
                stderr.extend(bytes);
                stderr.drain(..stderr.len().saturating_sub(MAX_STDERR));
            }
            Output::Exited(status) => return Ok(Captured { status, stdout, stderr }),
        }
    }
}
