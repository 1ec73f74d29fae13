//! Commands to QEMU over QMP, from any task.

use model::QmpEvent;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A QMP command that got no answer.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The connection is not up, or has ended.
    #[error("QMP is not connected")]
    NotConnected,
    /// QEMU said no.
    #[error("QEMU refused `{command}`: {reason}")]
    Refused {
        /// The command.
        command: String,
        /// QEMU's words.
        reason: String,
    },
    /// QEMU did not answer in time; take QMP for dead.
    #[error("QEMU did not answer `{command}` within {seconds} s")]
    Silent {
        /// The command.
        command: String,
        /// Seconds waited.
        seconds: f64,
    },
    /// QEMU has not answered an earlier command; this one was sent, and not waited for.
    #[error("QEMU has left an earlier command unanswered, so `{command}` was not waited for")]
    Deaf {
        /// The command.
        command: String,
    },
}

/// A command on its way.
#[derive(Debug)]
pub(super) struct Request {
    pub name: &'static str,
    pub arguments: Value,
    /// An event that the command itself brings forth.
    pub effect: Option<QmpEvent>,
    pub reply: oneshot::Sender<Reply>,
}

/// What QEMU returned, or its words, and whether the command had its effect.
pub(super) type Reply = (Result<Value, String>, bool);

/// Gives commands over a QMP connection; tasks have copies of their own.
#[derive(Debug, Clone)]
pub struct QmpCommands {
    requests: mpsc::Sender<Request>,
    deaf: Deaf,
}

/// Whether QEMU has left a command unanswered: commands queue behind one another, so until it says something again nobody
/// waits for the next ones.
pub(super) type Deaf = Arc<AtomicBool>;

impl QmpCommands {
    pub(super) fn new(requests: mpsc::Sender<Request>, deaf: Deaf) -> Self {
        Self { requests, deaf }
    }

    /// Runs one command and waits at most `patience` for its answer. Cancel safe: a late answer disturbs nobody.
    ///
    /// # Errors
    /// See [`QmpError`].
    pub fn execute(
        &self,
        name: &'static str,
        arguments: Value,
        patience: Duration,
    ) -> impl Future<Output = Result<Value, QmpError>> + Send + 'static {
        let answer = self.request(name, arguments, None, patience);
        async move { answer.await.map(|(value, _)| value) }
    }

    /// Runs a command of the human monitor and returns what it prints. `vcpu` is the one that the command looks at.
    ///
    /// # Errors
    /// See [`QmpError`].
    pub async fn monitor(&self, line: &str, vcpu: u32, patience: Duration) -> Result<String, QmpError> {
        let arguments = json!({ "command-line": line, "cpu-index": vcpu });
        let printed = self.execute("human-monitor-command", arguments, patience).await?;
        Ok(printed.as_str().unwrap_or_default().to_owned())
    }

    /// Holds the machine still until the answer is dropped. A machine that somebody else has paused stays so.
    ///
    /// # Errors
    /// See [`QmpError`]; the machine runs on then.
    pub async fn pause(&self, patience: Duration) -> Result<Pause, QmpError> {
        let status = self.execute("query-status", Value::Null, patience).await?;
        if status.get("running") != Some(&Value::Bool(true)) {
            return Ok(Pause { commands: self.clone(), ours: false });
        }
        // From here on the machine is set going again, also when the waiting is given up.
        let mut pause = Pause { commands: self.clone(), ours: true };
        let (_, stopped) = self.request("stop", Value::Null, Some(QmpEvent::Stop), patience).await?;
        pause.ours = stopped;
        Ok(pause)
    }

    fn request(
        &self,
        name: &'static str,
        arguments: Value,
        effect: Option<QmpEvent>,
        patience: Duration,
    ) -> impl Future<Output = Result<(Value, bool), QmpError>> + Send + 'static {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.try_send(Request { name, arguments, effect, reply });
        let deaf = Arc::clone(&self.deaf);
        async move {
            sent.map_err(|_| QmpError::NotConnected)?;
            if deaf.load(Ordering::Relaxed) {
                return Err(QmpError::Deaf { command: name.to_owned() });
            }
            match tokio::time::timeout(patience, answer).await {
                Ok(Ok((Ok(value), had_effect))) => Ok((value, had_effect)),
                Ok(Ok((Err(reason), _))) => Err(QmpError::Refused { command: name.to_owned(), reason }),
                Ok(Err(_)) => Err(QmpError::NotConnected),
                Err(_) => {
                    deaf.store(true, Ordering::Relaxed);
                    Err(QmpError::Silent { command: name.to_owned(), seconds: patience.as_secs_f64() })
                }
            }
        }
    }
}

/// A machine that is held still; it runs on when this is dropped.
#[derive(Debug)]
pub struct Pause {
    commands: QmpCommands,
    ours: bool,
}

impl Drop for Pause {
    fn drop(&mut self) {
        if self.ours {
            // The command is on its way when this returns; nobody waits for the answer.
            drop(self.commands.request("cont", Value::Null, Some(QmpEvent::Resume), Duration::ZERO));
        }
    }
}
