//! The QMP connection.

use super::socket::connect;
use crate::model::QmpEvent;
use crate::qmp::{Message, command, parse};
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The longest line that is read; QEMU's longest answers are far below it.
const MAX_LINE: u64 = 16 * 1024 * 1024;

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
}

struct Request {
    name: &'static str,
    arguments: Value,
    reply: oneshot::Sender<Result<Value, String>>,
}

/// A QMP connection. Dropping it closes it.
#[derive(Debug)]
pub struct Qmp {
    events: mpsc::UnboundedReceiver<QmpEvent>,
    requests: mpsc::Sender<Request>,
    task: JoinHandle<()>,
}

impl Qmp {
    /// Begins to connect to `path` for at most `patience`, and to speak.
    pub fn open(path: PathBuf, patience: Duration) -> Self {
        let (events_in, events) = mpsc::unbounded_channel();
        let (requests, requests_out) = mpsc::channel(8);
        let task = tokio::spawn(async move {
            let lost = match connect(&path, patience).await {
                Ok(stream) => speak(stream, &events_in, requests_out).await,
                Err(error) => Err(error),
            };
            let why = lost.map_or_else(|error| error.to_string(), |()| "QEMU closed the connection".to_owned());
            // Nobody listens any more once the driver is gone.
            let _ = events_in.send(QmpEvent::Lost(why));
        });
        Self { events, requests, task }
    }

    /// The next event; `None` after [`QmpEvent::Lost`]. Cancel safe.
    pub async fn event(&mut self) -> Option<QmpEvent> {
        self.events.recv().await
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
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.try_send(Request { name, arguments, reply });
        async move {
            sent.map_err(|_| QmpError::NotConnected)?;
            match tokio::time::timeout(patience, answer).await {
                Ok(Ok(result)) => result.map_err(|reason| QmpError::Refused { command: name.to_owned(), reason }),
                Ok(Err(_)) => Err(QmpError::NotConnected),
                Err(_) => Err(QmpError::Silent { command: name.to_owned(), seconds: patience.as_secs_f64() }),
            }
        }
    }
}

impl Drop for Qmp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn speak(
    stream: UnixStream,
    events: &mpsc::UnboundedSender<QmpEvent>,
    mut requests: mpsc::Receiver<Request>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut waiting: HashMap<u64, oneshot::Sender<Result<Value, String>>> = HashMap::new();
    let mut next_id = 1;
    let mut line = Vec::new();
    // Without this first command QEMU takes no other (QEMU, docs/interop/qmp-spec.rst, section 4).
    write.write_all(command(0, "qmp_capabilities", &Value::Null).as_bytes()).await?;
    let mut open = true;
    loop {
        let mut bounded = (&mut read).take(MAX_LINE - line.len() as u64);
        tokio::select! {
            length = bounded.read_until(b'\n', &mut line) => {
                if length? == 0 {
                    return Ok(());
                }
                if !line.ends_with(b"\n") {
                    continue;
                }
                match parse(&String::from_utf8_lossy(&line)) {
                    Message::Event(event) => drop(events.send(event)),
                    Message::Reply { id: 0, .. } => drop(events.send(QmpEvent::Connected)),
                    Message::Reply { id, result } => {
                        if let Some(reply) = waiting.remove(&id) {
                            // Whoever asked may have given up.
                            let _ = reply.send(result);
                        }
                    }
                    Message::Greeting => {}
                    Message::Unknown(text) => tracing::debug!(text, "QMP line of unknown form"),
                }
                line.clear();
            }
            request = requests.recv(), if open => match request {
                Some(Request { name, arguments, reply }) => {
                    write.write_all(command(next_id, name, &arguments).as_bytes()).await?;
                    waiting.insert(next_id, reply);
                    next_id += 1;
                }
                None => open = false,
            }
        }
    }
}
