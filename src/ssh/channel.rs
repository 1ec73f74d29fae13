//! A command in a guest, seen from the connection's thread: a state machine that never blocks.

use super::command::{Command, Ends, Output, Pty, Size, Stdin, Text};
use super::login::is_blocked;
use super::status::ExitStatus;
use super::transport::Transport;
use ssh2::{Channel, ErrorCode};
use std::io::{self, ErrorKind, Read, Write};
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::oneshot;

/// Maximum bytes of one output.
const CHUNK: usize = 32 * 1024;

/// Maximum number of outputs per turn: other commands wait meanwhile.
const OUTPUTS_PER_TURN: usize = 16;

/// The standard error of a channel (RFC 4254, section 5.2).
const STDERR: i32 = 1;

/// Takes the server's answer; the reason of a refusal is the error.
pub(super) type Started = oneshot::Sender<Result<(), String>>;

/// A command that is to be started.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) command: Command,
    pub(super) ends: Ends,
    pub(super) started: Started,
}

/// How far a command is.
enum Stage {
    Pty(Started),
    Start(Started),
    Running,
    /// It has ended, and its status waits for room in the queue.
    Ended(ExitStatus),
    /// The server has yet to close it.
    Closing,
    Over,
}

/// A command's channel.
pub(super) struct Exec {
    channel: Channel,
    command: Command,
    ends: Ends,
    stage: Stage,
    /// Bytes that the server has not taken, and how many it has. libssh2 wants the same ones again.
    pending: (Vec<u8>, usize),
    resizing: Option<Size>,
    /// Whether no more input comes.
    is_ending: bool,
    has_sent_end: bool,
    buffer: Vec<u8>,
}

/// What a turn did.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Turn {
    /// Whether another one may do more without new bytes or a wake.
    pub(super) moved: bool,
    /// Bytes of output.
    pub(super) delivered: u64,
    /// Whether the command's reader is slow.
    pub(super) is_stalled: bool,
}

/// A result of libssh2; `None` if it has to be asked again.
fn unless_blocked<T>(result: Result<T, ssh2::Error>) -> Result<Option<T>, String> {
    match result {
        Err(error) if is_blocked(&error) => Ok(None),
        Err(error) => Err(error.message().to_owned()),
        Ok(value) => Ok(Some(value)),
    }
}

/// The same of a stream.
fn unless_stream_blocked(result: io::Result<usize>) -> Result<Option<usize>, String> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.to_string()),
        Ok(length) => Ok(Some(length)),
    }
}

/// The server refuses a request, or libssh2 does; other errors end the connection. `LIBSSH2_ERROR_CHANNEL_FAILURE`,
/// `…_CHANNEL_REQUEST_DENIED` and `…_INVAL` (libssh2, `include/libssh2.h`).
pub(super) fn is_refusal(error: &ssh2::Error) -> bool {
    matches!(error.code(), ErrorCode::Session(-21 | -22 | -34))
}

impl Exec {
    /// A command in an open channel.
    pub(super) fn new(channel: Channel, job: Job) -> Self {
        let Job { command, ends, started } = job;
        let is_ending = command.stdin == Stdin::Empty;
        let stage = if command.pty.is_some() { Stage::Pty(started) } else { Stage::Start(started) };
        let buffer = vec![0; CHUNK];
        Self {
            channel,
            command,
            ends,
            stage,
            pending: (Vec::new(), 0),
            resizing: None,
            is_ending,
            has_sent_end: false,
            buffer,
        }
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Does what can be done.
    ///
    /// # Errors
    /// Why the connection is lost.
    pub(super) fn turn(&mut self, transport: &Transport) -> Result<Turn, String> {
        let is_abandoned = self.ends.outputs.is_closed();
        match std::mem::replace(&mut self.stage, Stage::Over) {
            // A request that is under way is finished first.
            Stage::Pty(started) => {
                let asked = self.ask_for_pty();
                self.advance(asked, started, Stage::Pty, Stage::Start)
            }
            Stage::Start(started) => {
                let asked = self.channel.exec(&self.command.line);
                self.advance(asked, started, Stage::Start, |started| {
                    // The caller may have timed out.
                    let _ = started.send(Ok(()));
                    Stage::Running
                })
            }
            Stage::Running if is_abandoned => {
                self.stage = Stage::Closing;
                Ok(Turn { moved: true, ..Turn::default() })
            }
            Stage::Running => {
                self.stage = Stage::Running;
                let wrote = self.input(transport)?;
                let turn = self.output()?;
                Ok(Turn { moved: turn.moved || wrote, ..turn })
            }
            Stage::Ended(status) => {
                let moved = match self.ends.outputs.try_send(Output::Exited(status)) {
                    Err(TrySendError::Full(Output::Exited(status))) => {
                        self.stage = Stage::Ended(status);
                        return Ok(Turn { is_stalled: true, ..Turn::default() });
                    }
                    // The caller may be gone.
                    _ => true,
                };
                self.stage = Stage::Closing;
                Ok(Turn { moved, ..Turn::default() })
            }
            Stage::Closing => {
                let is_closed = unless_blocked(self.channel.close())?.is_some();
                self.stage = if is_closed { Stage::Over } else { Stage::Closing };
                Ok(Turn { moved: is_closed, ..Turn::default() })
            }
            Stage::Over => Ok(Turn::default()),
        }
    }

    /// Asks the server for a terminal.
    fn ask_for_pty(&mut self) -> Result<(), ssh2::Error> {
        let Some(Pty { term, rows, columns }) = &self.command.pty else { return Ok(()) };
        self.channel.request_pty(term, None, Some((u32::from(*columns), u32::from(*rows), 0, 0)))
    }

    /// Goes to the next stage when the server has agreed.
    fn advance(
        &mut self,
        asked: Result<(), ssh2::Error>,
        started: Started,
        same: impl FnOnce(Started) -> Stage,
        next: impl FnOnce(Started) -> Stage,
    ) -> Result<Turn, String> {
        let moved = !asked.as_ref().is_err_and(is_blocked);
        self.stage = match asked {
            Ok(()) => next(started),
            Err(error) if is_blocked(&error) => same(started),
            Err(error) if is_refusal(&error) => {
                // The caller may have timed out.
                let _ = started.send(Err(error.message().to_owned()));
                Stage::Closing
            }
            Err(error) => return Err(error.message().to_owned()),
        };
        Ok(Turn { moved, ..Turn::default() })
    }

    /// Passes on input and the terminal's size; returns whether any was.
    fn input(&mut self, transport: &Transport) -> Result<bool, String> {
        if self.ends.size.has_changed().unwrap_or(false) && self.resizing.is_none() && self.command.pty.is_some() {
            self.resizing = Some(*self.ends.size.borrow_and_update());
        }
        if let Some((rows, columns)) = self.resizing {
            if unless_blocked(self.channel.request_pty_size(columns.into(), rows.into(), None, None))?.is_none() {
                return Ok(false);
            }
            self.resizing = None;
        }
        let mut moved = false;
        while transport.has_room() && !moved {
            let (bytes, taken) = &mut self.pending;
            if *taken < bytes.len() {
                match unless_stream_blocked(self.channel.write(&bytes[*taken..]))? {
                    None | Some(0) => return Ok(moved),
                    Some(length) => *taken += length,
                }
                moved = true;
                continue;
            }
            if self.is_ending {
                return Ok(moved | self.end_input()?);
            }
            match self.ends.texts.try_recv() {
                Ok(Text::Bytes(bytes)) => self.pending = (bytes, 0),
                Ok(Text::End) | Err(TryRecvError::Disconnected) => self.is_ending = true,
                Err(TryRecvError::Empty) => return Ok(moved),
            }
        }
        Ok(moved)
    }

    /// Tells the server that no more input comes; later texts are refused.
    fn end_input(&mut self) -> Result<bool, String> {
        if self.has_sent_end {
            return Ok(false);
        }
        self.has_sent_end = unless_blocked(self.channel.send_eof())?.is_some();
        if self.has_sent_end {
            self.ends.texts.close();
        }
        Ok(self.has_sent_end)
    }

    /// Passes on output while its reader keeps up, then the end.
    fn output(&mut self) -> Result<Turn, String> {
        let mut turn = Turn::default();
        for _ in 0..OUTPUTS_PER_TURN {
            let Ok(permit) = self.ends.outputs.try_reserve() else {
                turn.is_stalled = !self.ends.outputs.is_closed();
                return Ok(turn);
            };
            let streams = [(0, Output::Stdout as fn(Vec<u8>) -> Output), (STDERR, Output::Stderr)];
            let mut found = None;
            for (stream, output) in streams {
                let length = unless_stream_blocked(self.channel.stream(stream).read(&mut self.buffer))?.unwrap_or(0);
                if length > 0 {
                    found = Some(output(self.buffer[..length].to_vec()));
                    turn.delivered += length as u64;
                    break;
                }
            }
            let Some(output) = found else { break };
            permit.send(output);
            turn.moved = true;
        }
        // The end of both streams is not that of the command: it may have closed them.
        if self.channel.eof() && unless_blocked(self.channel.wait_close())?.is_some() {
            self.stage = Stage::Ended(self.status().map_err(|error| error.message().to_owned())?);
            turn.moved = true;
        }
        Ok(turn)
    }

    fn status(&self) -> Result<ExitStatus, ssh2::Error> {
        let signal = self.channel.exit_signal()?;
        Ok(match signal.exit_signal {
            Some(name) => ExitStatus::killed(name, signal.error_message),
            None => ExitStatus::exited(self.channel.exit_status()?),
        })
    }
}
