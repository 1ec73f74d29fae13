//! The connection against scripted QMP servers, and against QEMU itself.
//!
//! The client of the `qapi` crate (0.15) fails the first four: commands run one at a time; a dropped command disturbs the
//! next one; a late reply is an error of the event stream; an unknown event or value ends it.

use super::{Qmp, QmpError};
use crate::host::Qemu;
use crate::qmp::QueryVcpus;
use model::{QmpEvent, ShutdownCause};
use qapi_qmp::{RunState, cont, query_memory_size_summary, query_name, query_status, quit, stop};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixListener;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Far above what any test needs.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Timeout of commands without a reply.
const SHORT: Duration = Duration::from_millis(10);

/// A scripted QMP server.
struct Server {
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
    _dir: TempDir,
}

impl Server {
    /// A server and an established connection to it.
    async fn connect() -> (Self, Qmp) {
        let dir = TempDir::with_prefix("oomlab-test-").unwrap();
        let path = dir.path().join("qmp");
        let listener = UnixListener::bind(&path).unwrap();
        let mut qmp = Qmp::open(path, TIMEOUT);
        let (read, write) = listener.accept().await.unwrap().0.into_split();
        let mut server = Self { lines: BufReader::new(read).lines(), write, _dir: dir };
        server.send(json!({ "QMP": { "version": {}, "capabilities": ["oob"] } })).await;
        let capabilities = server.expect("qmp_capabilities").await;
        server.reply(&capabilities, json!({})).await;
        assert_eq!(event(&mut qmp).await, Some(QmpEvent::Connected));
        (server, qmp)
    }

    /// Reads the next command; returns its id.
    async fn expect(&mut self, name: &str) -> Value {
        let line = tokio::time::timeout(TIMEOUT, self.lines.next_line()).await.unwrap().unwrap().unwrap();
        let mut command: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(command["execute"], name);
        command["id"].take()
    }

    async fn send(&mut self, message: Value) {
        self.write.write_all(format!("{message}\r\n").as_bytes()).await.unwrap();
    }

    async fn reply(&mut self, id: &Value, value: Value) {
        self.send(json!({ "return": value, "id": id })).await;
    }

    async fn event(&mut self, name: &str, data: Value) {
        self.send(json!({ "event": name, "data": data, "timestamp": { "seconds": 1, "microseconds": 2 } })).await;
    }

    async fn serve(&mut self, name: &str, value: Value) {
        let id = self.expect(name).await;
        self.reply(&id, value).await;
    }
}

async fn event(qmp: &mut Qmp) -> Option<QmpEvent> {
    tokio::time::timeout(TIMEOUT, qmp.event()).await.unwrap()
}

fn status(status: &str) -> Value {
    json!({ "running": status == "running", "status": status })
}

#[tokio::test]
async fn commands_are_sent_before_earlier_ones_are_replied_to() {
    let (mut server, qmp) = Server::connect().await;
    let (named, queried) =
        (qmp.commands().execute(query_name {}, TIMEOUT), qmp.commands().execute(query_status {}, TIMEOUT));
    let (first, second) = (server.expect("query-name").await, server.expect("query-status").await);
    server.reply(&second, status("running")).await;
    server.reply(&first, json!({ "name": "guest" })).await;
    assert_eq!(named.await.unwrap().name.as_deref(), Some("guest"));
    assert_eq!(queried.await.unwrap().status, RunState::running);
}

#[tokio::test]
async fn dropped_command_does_not_disturb_the_next_one() {
    let (mut server, qmp) = Server::connect().await;
    drop(qmp.commands().execute(query_name {}, TIMEOUT));
    let dropped = server.expect("query-name").await;
    let queried = qmp.commands().execute(query_status {}, TIMEOUT);
    let next = server.expect("query-status").await;
    assert_ne!(dropped, next, "each command has an id of its own");
    server.reply(&dropped, json!({ "name": "guest" })).await;
    server.reply(&next, status("paused")).await;
    assert_eq!(queried.await.unwrap().status, RunState::paused);
}

#[tokio::test]
async fn late_reply_is_discarded_and_ends_unresponsiveness() {
    let (mut server, mut qmp) = Server::connect().await;
    let late = qmp.commands().execute(query_name {}, SHORT).await;
    assert!(matches!(late, Err(QmpError::TimedOut { command: "query-name", .. })), "{late:?}");
    let unwaited = qmp.commands().execute(query_status {}, TIMEOUT).await.unwrap_err();
    let text = "QMP is unresponsive (an earlier command timed out); sent `query-status` without waiting";
    assert_eq!(unwaited.to_string(), text);
    server.serve("query-name", json!({})).await;
    server.serve("query-status", status("running")).await;
    server.event("RESET", json!({ "guest": true, "reason": "guest-reset" })).await;
    assert_eq!(event(&mut qmp).await, Some(QmpEvent::Reset), "the late replies are no events");
    let named = qmp.commands().execute(query_name {}, TIMEOUT);
    server.serve("query-name", json!({ "name": "guest" })).await;
    assert_eq!(named.await.unwrap().name.as_deref(), Some("guest"));
}

#[tokio::test]
async fn unknown_events_values_and_lines_do_not_end_the_connection() {
    let (mut server, mut qmp) = Server::connect().await;
    server.event("BRAND_NEW", json!({ "x": [] })).await;
    assert_eq!(event(&mut qmp).await, Some(QmpEvent::Other("BRAND_NEW".to_owned())));
    for line in
        [json!("text"), json!({}), json!({ "return": {} }), json!({ "return": {}, "id": 99 }), json!({ "event": 1 })]
    {
        server.send(line).await;
    }
    server.write.write_all(b"{ not JSON\n\n\xff\xfe\n").await.unwrap();
    let queried = qmp.commands().execute(query_status {}, TIMEOUT);
    server.serve("query-status", status("brand-new")).await;
    let error = queried.await.unwrap_err();
    assert!(matches!(error, QmpError::UnexpectedReply { command: "query-status", .. }), "{error}");
    server.event("SHUTDOWN", json!({ "guest": true, "reason": "guest-brand-new" })).await;
    assert_eq!(event(&mut qmp).await, Some(QmpEvent::Shutdown(ShutdownCause::Other("guest-brand-new".to_owned()))));
}

#[tokio::test]
async fn error_reply_is_a_refusal() {
    let (mut server, qmp) = Server::connect().await;
    let stopped = qmp.commands().execute(stop {}, TIMEOUT);
    let id = server.expect("stop").await;
    server.send(json!({ "error": { "class": "GenericError", "desc": "not now" }, "id": id })).await;
    assert_eq!(stopped.await.unwrap_err().to_string(), "QEMU refused `stop`: not now");
}

#[tokio::test]
async fn pause_hides_its_own_stop_and_resume_and_no_others() {
    let (mut server, mut qmp) = Server::connect().await;
    let commands = qmp.commands().clone();
    let pausing = tokio::spawn(async move { commands.pause(TIMEOUT).await.unwrap() });
    server.serve("query-status", status("running")).await;
    let id = server.expect("stop").await;
    server.event("STOP", json!({})).await;
    server.reply(&id, json!({})).await;
    drop(pausing.await.unwrap());
    let id = server.expect("cont").await;
    server.event("RESUME", json!({})).await;
    server.reply(&id, json!({})).await;
    server.event("STOP", json!({})).await;
    server.event("RESUME", json!({})).await;
    assert_eq!([event(&mut qmp).await, event(&mut qmp).await], [Some(QmpEvent::Stop), Some(QmpEvent::Resume)]);
}

#[tokio::test]
async fn internal_error_stop_is_no_pause() {
    let (mut server, mut qmp) = Server::connect().await;
    for (why, expected) in [("paused", QmpEvent::Resume), ("internal-error", QmpEvent::InternalError)] {
        server.event("STOP", json!({})).await;
        assert_eq!(event(&mut qmp).await, Some(QmpEvent::Stop));
        server.serve("query-status", status(why)).await;
        if expected == QmpEvent::Resume {
            server.event("RESUME", json!({})).await;
        }
        assert_eq!(event(&mut qmp).await, Some(expected));
    }
}

#[tokio::test]
async fn closed_connection_ends_commands_and_events() {
    let (mut server, mut qmp) = Server::connect().await;
    let named = qmp.commands().execute(query_name {}, TIMEOUT);
    server.expect("query-name").await;
    drop(server);
    assert!(matches!(named.await, Err(QmpError::NotConnected)));
    assert_eq!(event(&mut qmp).await, Some(QmpEvent::Lost("QEMU closed the connection".to_owned())));
    assert_eq!(event(&mut qmp).await, None);
    assert!(matches!(qmp.commands().execute(query_name {}, TIMEOUT).await, Err(QmpError::NotConnected)));
}

#[tokio::test]
async fn qemu_replies_have_the_types_of_qapi_qmp() {
    for program in ["qemu-system-x86_64", "qemu-system-aarch64"] {
        let dir = TempDir::with_prefix("oomlab-test-").unwrap();
        let path = dir.path().join("qmp");
        let monitor = format!("unix:{},server=on,wait=off", path.display());
        let machine = if program.ends_with("aarch64") { "virt" } else { "q35" };
        let argv = [program, "-machine", machine, "-smp", "2", "-m", "32M", "-S", "-display", "none", "-nodefaults"];
        let argv: Vec<String> = argv.into_iter().chain(["-qmp", &monitor]).map(str::to_owned).collect();
        let mut guest = Qemu::spawn(&argv, &dir.path().join("qemu.log")).unwrap();
        let mut qmp = Qmp::open(path, TIMEOUT);
        assert_eq!(event(&mut qmp).await, Some(QmpEvent::Connected), "{program}: {}", guest.stderr_tail());
        let commands = qmp.commands().clone();
        assert_eq!(commands.execute(query_status {}, TIMEOUT).await.unwrap().status, RunState::prelaunch);
        assert_eq!(commands.execute(QueryVcpus {}, TIMEOUT).await.unwrap().len(), 2);
        assert_eq!(commands.execute(query_memory_size_summary {}, TIMEOUT).await.unwrap().base_memory, 32 << 20);
        assert!(commands.hmp("info registers -a", 0, TIMEOUT).await.unwrap().contains("CPU#1"));
        commands.execute(cont {}, TIMEOUT).await.unwrap();
        assert_eq!(event(&mut qmp).await, Some(QmpEvent::Resume));
        drop(commands.pause(TIMEOUT).await.unwrap());
        // QEMU may close the connection before it replies.
        let _ = commands.execute(quit {}, TIMEOUT).await;
        assert!(guest.wait().await.unwrap().success());
    }
}
