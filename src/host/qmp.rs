//! The QMP connection.

use super::commands::{Deaf, QmpCommands, Reply, Request};
use super::socket::connect;
use crate::qmp::{Message, command, parse};
use model::QmpEvent;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The longest line that is read; QEMU's longest answers are far below it.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// Commands that may wait to be sent.
const QUEUE: usize = 16;

/// A QMP connection. Dropping it closes it.
#[derive(Debug)]
pub struct Qmp {
    events: mpsc::UnboundedReceiver<QmpEvent>,
    commands: QmpCommands,
    task: JoinHandle<()>,
}

impl Qmp {
    /// Begins to connect to `path` for at most `patience`, and to speak.
    pub fn open(path: PathBuf, patience: Duration) -> Self {
        let (events_in, events) = mpsc::unbounded_channel();
        let (requests, requests_out) = mpsc::channel(QUEUE);
        let deaf = Deaf::default();
        let commands = QmpCommands::new(requests, Deaf::clone(&deaf));
        let task = tokio::spawn(async move {
            let lost = match connect(&path, patience).await {
                Ok(stream) => speak(stream, &events_in, requests_out, &deaf).await,
                Err(error) => Err(error),
            };
            let why = lost.map_or_else(|error| error.to_string(), |()| "QEMU closed the connection".to_owned());
            // Nobody listens any more once the driver is gone.
            let _ = events_in.send(QmpEvent::Lost(why));
        });
        Self { events, commands, task }
    }

    /// No connection: there are no events, and commands are refused.
    pub fn none() -> Self {
        let (_, events) = mpsc::unbounded_channel();
        let (requests, _) = mpsc::channel(1);
        Self { events, commands: QmpCommands::new(requests, Deaf::default()), task: tokio::spawn(async {}) }
    }

    /// The next event; `None` after [`QmpEvent::Lost`].
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<QmpEvent>> {
        self.events.poll_recv(cx)
    }

    /// As [`Qmp::poll_event`]. Cancel safe.
    pub async fn event(&mut self) -> Option<QmpEvent> {
        self.events.recv().await
    }

    /// The way to give commands.
    pub fn commands(&self) -> &QmpCommands {
        &self.commands
    }
}

impl Drop for Qmp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A command that waits for its answer.
struct Waiting {
    effect: Option<QmpEvent>,
    had_effect: bool,
    reply: oneshot::Sender<Reply>,
}

impl Waiting {
    /// Whether an event is what this command was to bring forth, and thus no news to anybody. QEMU sends `STOP` and
    /// `RESUME` before it answers `stop` and `cont` (QEMU, `softmmu/cpus.c`, `do_vm_stop()`).
    fn takes(&mut self, event: &QmpEvent) -> bool {
        let takes = !self.had_effect && self.effect.as_ref() == Some(event);
        self.had_effect |= takes;
        takes
    }
}

async fn speak(
    stream: UnixStream,
    events: &mpsc::UnboundedSender<QmpEvent>,
    mut requests: mpsc::Receiver<Request>,
    deaf: &AtomicBool,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut waiting: BTreeMap<u64, Waiting> = BTreeMap::new();
    let mut next_id = 1;
    // The question that tells a pause from a machine that QEMU cannot go on executing: both are a `STOP`.
    let mut asked_why = None;
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
                    Message::Event(event) => {
                        if !waiting.values_mut().any(|command| command.takes(&event)) {
                            if event == QmpEvent::Stop {
                                write.write_all(command(next_id, "query-status", &Value::Null).as_bytes()).await?;
                                asked_why = Some(next_id);
                                next_id += 1;
                            }
                            // The driver may be gone.
                            let _ = events.send(event);
                        }
                    }
                    Message::Reply { id: 0, .. } => drop(events.send(QmpEvent::Connected)),
                    Message::Reply { id, result } if asked_why == Some(id) => {
                        let state = result.as_ref().ok().and_then(|answer| answer.get("status")?.as_str());
                        if state == Some("internal-error") {
                            let _ = events.send(QmpEvent::InternalError);
                        }
                    }
                    Message::Reply { id, result } => {
                        deaf.store(false, Ordering::Relaxed);
                        if let Some(command) = waiting.remove(&id) {
                            // Whoever asked may have given up.
                            let _ = command.reply.send((result, command.had_effect));
                        }
                    }
                    Message::Greeting => {}
                    Message::Unknown(text) => tracing::debug!(text, "QMP line of unknown form"),
                }
                line.clear();
            }
            request = requests.recv(), if open => match request {
                Some(Request { name, arguments, effect, reply }) => {
                    write.write_all(command(next_id, name, &arguments).as_bytes()).await?;
                    waiting.insert(next_id, Waiting { effect, had_effect: false, reply });
                    next_id += 1;
                }
                None => open = false,
            }
        }
    }
}
