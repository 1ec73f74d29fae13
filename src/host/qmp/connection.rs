//! The QMP connection: a task that writes commands, matches replies and forwards events.

use super::commands::{QmpCommands, Reply, Request, Shared};
use crate::host::socket::connect;
use crate::qmp::{Message, encode, parse};
use model::QmpEvent;
use qapi_qmp::{RunState, StatusInfo, qmp_capabilities, query_status};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Maximum length of a line, in bytes; QEMU's longest replies are far shorter.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// Maximum number of queued commands.
const QUEUE: usize = 16;

/// The id of `qmp_capabilities`.
const CAPABILITIES: u64 = 0;

/// A QMP connection. Dropping it closes it.
#[derive(Debug)]
pub struct Qmp {
    events: mpsc::UnboundedReceiver<QmpEvent>,
    commands: QmpCommands,
    task: JoinHandle<()>,
}

impl Qmp {
    /// Connects to `path` within `timeout`, in the background. Commands may be sent immediately.
    pub fn open(path: PathBuf, timeout: Duration) -> Self {
        let (events_in, events) = mpsc::unbounded_channel();
        let (requests, requests_out) = mpsc::channel(QUEUE);
        let shared = Arc::<Shared>::default();
        let commands = QmpCommands::new(requests, Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let session = Session { shared, events: events_in.clone(), pending: BTreeMap::new(), status_query: None };
            let lost = match connect(&path, timeout).await {
                Ok(stream) => session.run(stream, requests_out).await,
                Err(error) => Err(error),
            };
            let why = lost.map_or_else(|error| error.to_string(), |()| "QEMU closed the connection".to_owned());
            // The receiver may have been dropped.
            let _ = events_in.send(QmpEvent::Lost(why));
        });
        Self { events, commands, task }
    }

    /// The next event; `None` after [`QmpEvent::Lost`].
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<QmpEvent>> {
        self.events.poll_recv(cx)
    }

    /// See [`Qmp::poll_event`]. Cancel safe.
    pub async fn event(&mut self) -> Option<QmpEvent> {
        self.events.recv().await
    }

    /// The handle that sends commands. Clones may outlive the connection: their commands fail with `NotConnected`.
    pub fn commands(&self) -> &QmpCommands {
        &self.commands
    }
}

impl Drop for Qmp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An empty read is the end of the stream, or a line that has reached [`MAX_LINE`].
fn end_of_stream(line_bytes: usize) -> std::io::Result<()> {
    if (line_bytes as u64) < MAX_LINE {
        return Ok(());
    }
    let text = format!("QEMU sent a line of more than {} MiB", MAX_LINE >> 20);
    Err(std::io::Error::new(std::io::ErrorKind::InvalidData, text))
}

/// A command without a reply yet.
struct Pending {
    effect: Option<QmpEvent>,
    had_effect: bool,
    reply: oneshot::Sender<Reply>,
}

impl Pending {
    /// Whether this command has caused the event; such an event is not forwarded. QEMU sends `STOP` and `RESUME` before it
    /// replies to `stop` and `cont` (QEMU, `softmmu/cpus.c`, `do_vm_stop()`).
    fn caused(&mut self, event: &QmpEvent) -> bool {
        let caused = !self.had_effect && self.effect.as_ref() == Some(event);
        self.had_effect |= caused;
        caused
    }
}

/// The state of one connection.
struct Session {
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<QmpEvent>,
    pending: BTreeMap<u64, Pending>,
    /// The id of the connection's own `query-status`.
    status_query: Option<u64>,
}

impl Session {
    async fn run(mut self, stream: UnixStream, mut requests: mpsc::Receiver<Request>) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        let mut line = Vec::new();
        // QEMU rejects any other first command (QEMU, `docs/interop/qmp-spec.rst`, "Capabilities Negotiation").
        write.write_all(encode(CAPABILITIES, &qmp_capabilities { enable: None }).as_bytes()).await?;
        let mut open = true;
        loop {
            let mut bounded = (&mut read).take(MAX_LINE - line.len() as u64);
            tokio::select! {
                length = bounded.read_until(b'\n', &mut line) => {
                    if length? == 0 {
                        return end_of_stream(line.len());
                    }
                    if line.ends_with(b"\n") {
                        let command = self.on_message(parse(&String::from_utf8_lossy(&line)));
                        line.clear();
                        if let Some(command) = command {
                            write.write_all(command.as_bytes()).await?;
                        }
                    }
                }
                request = requests.recv(), if open => match request {
                    Some(Request { id, line, effect, reply }) => {
                        self.pending.insert(id, Pending { effect, had_effect: false, reply });
                        write.write_all(line.as_bytes()).await?;
                    }
                    None => open = false,
                }
            }
        }
    }

    /// Handles one message; returns a command to send.
    fn on_message(&mut self, message: Message) -> Option<String> {
        match message {
            Message::Event(event) => return self.on_event(event),
            Message::Reply { id: CAPABILITIES, .. } => self.report(QmpEvent::Connected),
            Message::Reply { id, result } if self.status_query == Some(id) => self.on_status(result),
            Message::Reply { id, result } => {
                self.shared.unresponsive.store(false, Ordering::Relaxed);
                if let Some(Pending { had_effect, reply, .. }) = self.pending.remove(&id) {
                    // The command may have timed out.
                    let _ = reply.send(Reply { result, had_effect });
                }
            }
            Message::Greeting => {}
            Message::Unknown(text) => tracing::debug!(text, "QMP line of unknown form"),
        }
        None
    }

    /// Forwards an event. A `STOP` may be a pause or an internal error: returns a `query-status` command to find out.
    fn on_event(&mut self, event: QmpEvent) -> Option<String> {
        if self.pending.values_mut().any(|command| command.caused(&event)) {
            return None;
        }
        let stopped = event == QmpEvent::Stop;
        self.report(event);
        stopped.then(|| {
            let id = self.shared.next_id();
            self.status_query = Some(id);
            encode(id, &query_status {})
        })
    }

    fn on_status(&self, result: Result<Value, String>) {
        let status = result.ok().and_then(|value| serde_json::from_value(value).ok());
        if matches!(status, Some(StatusInfo { status: RunState::internal_error, .. })) {
            self.report(QmpEvent::InternalError);
        }
    }

    fn report(&self, event: QmpEvent) {
        // The receiver may have been dropped.
        let _ = self.events.send(event);
    }
}
