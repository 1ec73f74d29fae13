//! A command in a guest, seen from the host.

use super::error::SshError;
use super::status::ExitStatus;
use super::wake::{Wake, WakeOnDrop};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, watch};

/// Maximum number of queued outputs, each at most 32 KiB. When the queue is full, the command blocks once the server's window
/// is used up.
pub(super) const OUTPUTS: usize = 16;

/// Maximum number of queued texts for the command.
pub(super) const TEXTS: usize = 4;

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// For the shell of the guest's user.
    pub line: String,
    /// Whether it has a terminal.
    pub pty: Option<Pty>,
    /// Where its input comes from.
    pub stdin: Stdin,
}

impl Command {
    /// A command without a terminal and without input.
    pub fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), pty: None, stdin: Stdin::Empty }
    }
}

/// A pseudo-terminal in the guest. Its command has stdout and stderr in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pty {
    /// The value of `TERM`.
    pub term: String,
    /// Its height, in characters.
    pub rows: u16,
    /// Its width, in characters.
    pub columns: u16,
}

/// Where a command's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdin {
    /// It ends at once.
    Empty,
    /// From [`Running::input`].
    Piped,
}

/// A command's output, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Bytes on standard output, at most 32 KiB.
    Stdout(Vec<u8>),
    /// Bytes on standard error, at most 32 KiB. Their place among those of standard output is only roughly known.
    Stderr(Vec<u8>),
    /// The command has ended, and its output has been read completely.
    Exited(ExitStatus),
}

/// A text for a command.
#[derive(Debug)]
pub(super) enum Text {
    Bytes(Vec<u8>),
    End,
}

/// Rows and columns of a terminal.
pub(super) type Size = (u16, u16);

/// The thread's side of a command.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) outputs: mpsc::Sender<Output>,
    pub(super) texts: mpsc::Receiver<Text>,
    pub(super) size: watch::Receiver<Size>,
}

/// What a connection's users share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    /// Why the connection ended; set before the thread drops a command's [`Ends`].
    pub(super) lost: OnceLock<String>,
}

impl Shared {
    pub(super) fn lost(&self) -> SshError {
        let reason = self.lost.get().map_or("its thread is gone", String::as_str);
        SshError::Lost { address: self.address, reason: reason.to_owned() }
    }
}

/// A command that has started. Dropping this closes its channel: the guest hangs up its terminal and closes its pipes,
/// and only a command that uses them notices.
#[derive(Debug)]
pub struct Running {
    outputs: mpsc::Receiver<Output>,
    input: Input,
    status: Option<ExitStatus>,
    shared: Arc<Shared>,
    wake: WakeOnDrop,
}

impl Running {
    pub(super) fn new(pty: Option<&Pty>, shared: Arc<Shared>, wake: Wake) -> (Self, Ends) {
        let (outputs_in, outputs) = mpsc::channel(OUTPUTS);
        let (texts, texts_out) = mpsc::channel(TEXTS);
        let (size, size_out) = watch::channel(pty.map_or((0, 0), |pty| (pty.rows, pty.columns)));
        let input = Input { texts, size, wake: WakeOnDrop(wake.clone()) };
        let ends = Ends { outputs: outputs_in, texts: texts_out, size: size_out };
        (Self { outputs, input, status: None, shared, wake: WakeOnDrop(wake) }, ends)
    }

    /// The next output; after [`Output::Exited`] the same again. Waits as long as the command is silent. Cancel safe.
    ///
    /// # Errors
    /// [`SshError::Lost`] when the connection ended before the command. All output that had arrived precedes it.
    pub async fn next(&mut self) -> Result<Output, SshError> {
        if let Some(status) = &self.status {
            return Ok(Output::Exited(status.clone()));
        }
        let output = self.outputs.recv().await.ok_or_else(|| self.shared.lost())?;
        // The thread may wait for room in the queue.
        self.wake.0.wake();
        if let Output::Exited(status) = &output {
            self.status = Some(status.clone());
        }
        Ok(output)
    }

    /// The handle that sends input.
    pub fn input(&self) -> &Input {
        &self.input
    }
}

/// Sends input to a command. Clones are the same input.
#[derive(Debug, Clone)]
pub struct Input {
    texts: mpsc::Sender<Text>,
    size: watch::Sender<Size>,
    wake: WakeOnDrop,
}

impl Input {
    /// Sends bytes to the command; waits while four texts are queued, because it does not read. Dropping the future before it
    /// is ready sends nothing.
    ///
    /// # Errors
    /// [`SshError::NoInput`] when the command has ended, or its input was ended.
    pub async fn send(&self, bytes: Vec<u8>) -> Result<(), SshError> {
        self.queue(Text::Bytes(bytes)).await
    }

    /// Ends the input, after all that was sent.
    ///
    /// # Errors
    /// See [`Input::send`].
    pub async fn end(&self) -> Result<(), SshError> {
        self.queue(Text::End).await
    }

    /// Changes the size of the command's terminal; without one this does nothing.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.size.send_replace((rows, columns));
        self.wake.0.wake();
    }

    async fn queue(&self, text: Text) -> Result<(), SshError> {
        self.texts.send(text).await.map_err(|_| SshError::NoInput)?;
        self.wake.0.wake();
        Ok(())
    }
}
