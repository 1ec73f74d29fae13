//! Commands to QEMU over QMP, from any task.

use crate::qmp::encode;
use model::QmpEvent;
use qapi_qmp::{QmpCommand, cont, human_monitor_command, query_status, stop};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A QMP command without a usable reply.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The connection is not up yet, is closed, or its queue of commands is full.
    #[error("QMP is not connected")]
    NotConnected,
    /// QEMU replied with an error.
    #[error("QEMU refused `{command}`: {reason}")]
    Refused {
        /// The command.
        command: &'static str,
        /// QEMU's description of the error.
        reason: String,
    },
    /// The reply does not have the command's return type.
    #[error("cannot read QEMU's reply to `{command}`: {source}")]
    UnexpectedReply {
        /// The command.
        command: &'static str,
        /// The deserialisation error.
        source: serde_json::Error,
    },
    /// QEMU did not reply in time; QMP is unresponsive until its next reply.
    #[error("QEMU did not reply to `{command}` within {seconds} s")]
    TimedOut {
        /// The command.
        command: &'static str,
        /// Seconds waited.
        seconds: f64,
    },
    /// An earlier command timed out, and QEMU has replied to none since.
    #[error("QMP is unresponsive (an earlier command timed out); sent `{command}` without waiting")]
    Unresponsive {
        /// The command.
        command: &'static str,
    },
}

/// A command on its way to the connection.
#[derive(Debug)]
pub(super) struct Request {
    pub id: u64,
    /// The encoded command.
    pub line: String,
    /// The event that the command causes.
    pub effect: Option<QmpEvent>,
    pub reply: oneshot::Sender<Reply>,
}

/// QEMU's reply to a command.
#[derive(Debug)]
pub(super) struct Reply {
    /// What the command returned, or QEMU's description of the error.
    pub result: Result<Value, String>,
    /// Whether the event that the command causes has arrived.
    pub had_effect: bool,
}

/// State shared by the connection and its command handles.
#[derive(Debug, Default)]
pub(super) struct Shared {
    last_id: AtomicU64,
    /// Whether a command has timed out since QEMU's last reply. QEMU executes commands in order, so later ones would time
    /// out as well.
    pub unresponsive: AtomicBool,
}

impl Shared {
    /// A new id, from 1; id 0 is the connection's own `qmp_capabilities`.
    pub fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Sends commands over a QMP connection. Clone it for each task.
#[derive(Debug, Clone)]
pub struct QmpCommands {
    requests: mpsc::Sender<Request>,
    shared: Arc<Shared>,
}

impl QmpCommands {
    pub(super) fn new(requests: mpsc::Sender<Request>, shared: Arc<Shared>) -> Self {
        Self { requests, shared }
    }

    /// Sends a command at the call; the future waits for the reply for at most `timeout`. Cancel safe: a late reply is
    /// discarded.
    ///
    /// # Errors
    /// See [`QmpError`].
    pub fn execute<C: QmpCommand>(
        &self,
        command: C,
        timeout: Duration,
    ) -> impl Future<Output = Result<C::Ok, QmpError>> + Send + use<C> {
        let reply = self.request::<C>(&command, None, timeout);
        async move {
            let value = reply.await?.0;
            serde_json::from_value(value).map_err(|source| QmpError::UnexpectedReply { command: C::NAME, source })
        }
    }

    /// Sends a human monitor command for vCPU `vcpu` at the call; the future waits for its output.
    ///
    /// # Errors
    /// See [`QmpError`].
    pub fn hmp(
        &self,
        line: &str,
        vcpu: u32,
        timeout: Duration,
    ) -> impl Future<Output = Result<String, QmpError>> + Send + use<> {
        let command = human_monitor_command { command_line: line.to_owned(), cpu_index: Some(vcpu.into()) };
        self.execute(command, timeout)
    }

    /// Stops the VM until the result is dropped. A VM that was stopped before stays stopped.
    ///
    /// # Errors
    /// See [`QmpError`]; the VM is then resumed.
    pub async fn pause(&self, timeout: Duration) -> Result<Pause, QmpError> {
        if !self.execute(query_status {}, timeout).await?.running {
            return Ok(Pause { commands: self.clone(), resumes: false });
        }
        // From here on the VM is resumed, also if this future is dropped.
        let mut pause = Pause { commands: self.clone(), resumes: true };
        let (_, stopped) = self.request::<stop>(&stop {}, Some(QmpEvent::Stop), timeout).await?;
        pause.resumes = stopped;
        Ok(pause)
    }

    /// The command's return value, and whether its event arrived before the reply.
    fn request<C: QmpCommand>(
        &self,
        command: &C,
        effect: Option<QmpEvent>,
        timeout: Duration,
    ) -> impl Future<Output = Result<(Value, bool), QmpError>> + Send + use<C> {
        let id = self.shared.next_id();
        let (reply, received) = oneshot::channel();
        let sent = self.requests.try_send(Request { id, line: encode(id, command), effect, reply });
        let shared = Arc::clone(&self.shared);
        async move {
            sent.map_err(|_| QmpError::NotConnected)?;
            if shared.unresponsive.load(Ordering::Relaxed) {
                return Err(QmpError::Unresponsive { command: C::NAME });
            }
            match tokio::time::timeout(timeout, received).await {
                Ok(Ok(Reply { result, had_effect })) => match result {
                    Ok(value) => Ok((value, had_effect)),
                    Err(reason) => Err(QmpError::Refused { command: C::NAME, reason }),
                },
                Ok(Err(_)) => Err(QmpError::NotConnected),
                Err(_) => {
                    shared.unresponsive.store(true, Ordering::Relaxed);
                    Err(QmpError::TimedOut { command: C::NAME, seconds: timeout.as_secs_f64() })
                }
            }
        }
    }
}

/// A stopped VM. Dropping this resumes it.
#[derive(Debug)]
pub struct Pause {
    commands: QmpCommands,
    resumes: bool,
}

impl Drop for Pause {
    fn drop(&mut self) {
        if self.resumes {
            // `request` queues the command; its reply is discarded.
            drop(self.commands.request::<cont>(&cont {}, Some(QmpEvent::Resume), Duration::ZERO));
        }
    }
}
