//! The loop of a connection's thread.

use super::channel::{Exec, Job, is_refusal};
use super::command::Shared;
use super::error::SshError;
use super::greeting::Greeted;
use super::login::{Credentials, is_blocked, log_in};
use super::transport::Transport;
use super::wake::Wake;
use ssh2::Session;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

/// What a server may send per command beside output that was read: libssh2's window of 2 MiB, and requests.
const BYTES_PER_COMMAND: u64 = 4 * 1024 * 1024;

/// Bytes per byte of output: a packet with a single byte takes 36 or more.
const BYTES_PER_OUTPUT: u64 = 64;

/// What the thread needs.
pub(super) struct Task {
    pub(super) greeted: Greeted,
    pub(super) credentials: Credentials,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) wake: Wake,
    pub(super) shared: Arc<Shared>,
    pub(super) logged_in: oneshot::Sender<Result<(), SshError>>,
}

/// Logs in, then runs commands until the client is dropped or the connection lost.
pub(super) fn serve(task: Task) {
    let Task { greeted, credentials, jobs, wake, shared, logged_in } = task;
    let ready = Transport::new(greeted, wake).map_err(SshError::Client).and_then(|(mut transport, socket)| {
        let session = log_in(socket, &mut transport, &credentials, &|| jobs.is_closed())?;
        Ok((transport, session))
    });
    let (transport, session) = match ready {
        Ok(ready) => ready,
        // The caller may have timed out.
        Err(error) => return drop(logged_in.send(Err(error))),
    };
    let _ = logged_in.send(Ok(()));
    let mut service =
        Service { transport, opening: VecDeque::new(), running: Vec::new(), session, jobs, commands: 1, delivered: 0 };
    let reason = service.run();
    // The first reason is the only one.
    let _ = shared.lost.set(reason);
    service.say_goodbye();
}

/// A connection in use. The order of fields is that of their end: without the transport libssh2 finds its socket closed, and
/// frees channels without waiting for the server's consent.
struct Service {
    transport: Transport,
    opening: VecDeque<Job>,
    running: Vec<Exec>,
    session: Session,
    jobs: mpsc::Receiver<Job>,
    /// How many commands there were, and 1.
    commands: u64,
    delivered: u64,
}

impl Service {
    /// Returns why the connection ended.
    fn run(&mut self) -> String {
        loop {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => {
                    if let Err(error) = self.transport.wait() {
                        return error.to_string();
                    }
                }
                Err(reason) => return reason,
            }
        }
    }

    /// Does what can be done; returns whether another turn may do more without waiting.
    fn turn(&mut self) -> Result<bool, String> {
        let mut moved = self.take_jobs()?;
        moved |= self.open()?;
        let mut is_stalled = false;
        for exec in &mut self.running {
            // libssh2's socket has room again before the next command sends.
            moved |= self.transport.pump();
            let turn = exec.turn(&self.transport)?;
            moved |= turn.moved;
            is_stalled |= turn.is_stalled;
            self.delivered += turn.delivered;
        }
        self.running.retain(|exec| !exec.is_over());
        moved |= self.transport.pump();
        moved = self.transport.is_worth_asking(moved);
        if self.transport.received() > allowance(self.commands, self.delivered) {
            return Err("the server floods its client".to_owned());
        }
        // A slow reader still gets the output that arrived before the end.
        match self.transport.ended() {
            Some(reason) if !moved && !is_stalled => Err(reason.to_owned()),
            _ => Ok(moved),
        }
    }

    fn take_jobs(&mut self) -> Result<bool, String> {
        let mut moved = false;
        loop {
            match self.jobs.try_recv() {
                Ok(job) => {
                    self.opening.push_back(job);
                    self.commands += 1;
                    moved = true;
                }
                Err(TryRecvError::Empty) => return Ok(moved),
                Err(TryRecvError::Disconnected) => return Err("its client was dropped".to_owned()),
            }
        }
    }

    /// Opens the channel of the next command. libssh2 opens one at a time.
    fn open(&mut self) -> Result<bool, String> {
        if self.opening.is_empty() {
            return Ok(false);
        }
        let opened = self.session.channel_session();
        if opened.as_ref().is_err_and(is_blocked) {
            return Ok(false);
        }
        let Some(job) = self.opening.pop_front() else { return Ok(false) };
        match opened {
            Ok(channel) => self.running.push(Exec::new(channel, job)),
            Err(error) if is_refusal(&error) => {
                // The caller may have timed out.
                let _ = job.started.send(Err(error.message().to_owned()));
            }
            Err(error) => return Err(error.message().to_owned()),
        }
        Ok(true)
    }

    /// Tells the server, if the network takes it at once.
    fn say_goodbye(&mut self) {
        // The connection may be lost.
        let _ = self.session.disconnect(None, "the lab is done", None);
        self.transport.pump();
    }
}

/// Bytes that a server may send. libssh2 keeps unrequested packets, without a limit.
fn allowance(commands: u64, delivered: u64) -> u64 {
    commands.saturating_mul(BYTES_PER_COMMAND).saturating_add(delivered.saturating_mul(BYTES_PER_OUTPUT))
}
