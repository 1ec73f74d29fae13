//! A process group with its output in pipes.

use super::group::{Orphans, ProcessGroup, SpawnError};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;

/// Maximum size of a read, in bytes.
const CHUNK: usize = 64 * 1024;

/// Maximum bytes read from a pipe after the program's exit: the default `fs.pipe-max-size`. A process that left the group
/// may keep writing.
const MAX_REST: usize = 1024 * 1024;

/// A program's output, or its exit.
#[derive(Debug)]
pub enum Output {
    /// Bytes on standard output, and on standard error if both share a pipe.
    Stdout(Vec<u8>),
    /// Bytes on standard error.
    Stderr(Vec<u8>),
    /// The program has exited, and its output has been read completely.
    Exited(ExitStatus),
}

/// A process group whose output is read. Dropping this kills the group.
#[derive(Debug)]
pub struct PipedProcess {
    group: ProcessGroup,
    stdout: Pipe,
    stderr: Option<Pipe>,
    status: Option<ExitStatus>,
}

impl PipedProcess {
    /// Starts a program with one pipe for stdout and one for stderr.
    ///
    /// # Errors
    /// When a pipe cannot be created or the program cannot be started.
    pub fn spawn(command: &mut Command, orphans: Orphans) -> Result<Self, SpawnError> {
        let (stdout, out) = pipe(command)?;
        let (stderr, err) = pipe(command)?;
        command.stdout(out).stderr(err);
        Self::start(command, orphans, stdout, Some(stderr))
    }

    /// Starts a program with one pipe for stdout and stderr, which keeps their order.
    ///
    /// # Errors
    /// See [`PipedProcess::spawn`].
    pub fn spawn_joined(command: &mut Command, orphans: Orphans) -> Result<Self, SpawnError> {
        let (stdout, out) = pipe(command)?;
        let err = out.try_clone().map_err(|source| failed(command, source))?;
        command.stdout(out).stderr(err);
        Self::start(command, orphans, stdout, None)
    }

    /// Starts a program with a pipe for stdout; stderr is that of `command`.
    ///
    /// # Errors
    /// See [`PipedProcess::spawn`].
    pub fn spawn_stdout(command: &mut Command, orphans: Orphans) -> Result<Self, SpawnError> {
        let (stdout, out) = pipe(command)?;
        command.stdout(out);
        Self::start(command, orphans, stdout, None)
    }

    fn start(
        command: &mut Command,
        orphans: Orphans,
        stdout: PipeReader,
        stderr: Option<PipeReader>,
    ) -> Result<Self, SpawnError> {
        let group = ProcessGroup::spawn(command, orphans);
        // Closes the lab's copies of the write ends; else the pipes have no end of file.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let group = group?;
        let pipe = |reader: PipeReader| Pipe::new(reader).map_err(|source| failed(command, source));
        Ok(Self { group, stdout: pipe(stdout)?, stderr: stderr.map(pipe).transpose()?, status: None })
    }

    /// The next output, or the exit after the last one. A process that inherited a pipe and outlives the program does not
    /// delay the exit. Cancel safe.
    ///
    /// # Errors
    /// When a pipe cannot be read, or the program cannot be waited for.
    pub async fn next(&mut self) -> io::Result<Output> {
        let Self { group, stdout, stderr, status } = self;
        while status.is_none() {
            tokio::select! {
                bytes = stdout.read() => {
                    let bytes = bytes?;
                    if !bytes.is_empty() {
                        return Ok(Output::Stdout(bytes));
                    }
                }
                bytes = read_optional(stderr) => {
                    let bytes = bytes?;
                    if !bytes.is_empty() {
                        return Ok(Output::Stderr(bytes));
                    }
                }
                ended = group.wait() => *status = Some(ended?),
            }
        }
        self.rest()
    }

    /// Bytes left in the pipes after the program's exit, then the exit.
    fn rest(&mut self) -> io::Result<Output> {
        let bytes = self.stdout.rest()?;
        if !bytes.is_empty() {
            return Ok(Output::Stdout(bytes));
        }
        let bytes = self.stderr.as_mut().map_or(Ok(Vec::new()), Pipe::rest)?;
        if !bytes.is_empty() {
            return Ok(Output::Stderr(bytes));
        }
        self.status.map(Output::Exited).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// See [`ProcessGroup::stop`].
    ///
    /// # Errors
    /// See [`ProcessGroup::stop`].
    pub async fn stop(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        self.group.stop(grace).await
    }

    /// See [`ProcessGroup::kill`].
    ///
    /// # Errors
    /// See [`ProcessGroup::kill`].
    pub async fn kill(&mut self) -> io::Result<ExitStatus> {
        self.group.kill().await
    }
}

fn failed(command: &Command, source: io::Error) -> SpawnError {
    SpawnError::Failed { program: command.as_std().get_program().to_string_lossy().into_owned(), source }
}

fn pipe(command: &Command) -> Result<(PipeReader, PipeWriter), SpawnError> {
    io::pipe().map_err(|source| failed(command, source))
}

async fn read_optional(pipe: &mut Option<Pipe>) -> io::Result<Vec<u8>> {
    match pipe {
        Some(pipe) => pipe.read().await,
        None => std::future::pending().await,
    }
}

/// The read end of a pipe.
#[derive(Debug)]
struct Pipe {
    receiver: Receiver,
    open: bool,
    rest_bytes: usize,
}

impl Pipe {
    fn new(reader: PipeReader) -> io::Result<Self> {
        let receiver = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok(Self { receiver, open: true, rest_bytes: MAX_REST })
    }

    /// The next bytes; at the end of file empty once, then pending forever. Cancel safe.
    async fn read(&mut self) -> io::Result<Vec<u8>> {
        while self.open {
            self.receiver.readable().await?;
            let mut bytes = vec![0; CHUNK];
            match self.receiver.try_read(&mut bytes) {
                Ok(length) => {
                    self.open = length > 0;
                    bytes.truncate(length);
                    return Ok(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        std::future::pending().await
    }

    /// Bytes that are in the pipe now, possibly none. Bypasses the runtime, which may not have polled them yet.
    fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; CHUNK.min(self.rest_bytes)];
        match rustix::io::read(&self.receiver, &mut bytes) {
            Ok(length) => {
                self.rest_bytes -= length;
                bytes.truncate(length);
                Ok(bytes)
            }
            Err(rustix::io::Errno::AGAIN) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}
