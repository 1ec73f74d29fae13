//! The two sockets.

use super::guest::State;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

/// A socket for one client. As in QEMU, bytes written without a client are lost.
#[derive(Clone, Default)]
pub struct Client(Arc<Mutex<Option<UnixStream>>>);

impl Client {
    pub fn send(&self, bytes: &[u8]) {
        let stream = self.0.lock().unwrap().as_ref().and_then(|stream| stream.try_clone().ok());
        if let Some(mut stream) = stream {
            // The lab may have closed the connection: then the bytes are lost.
            let _ = stream.write_all(bytes);
        }
    }

    pub fn is_connected(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }

    /// Shuts down the writing side; the client reads the end of the stream after the last byte.
    pub fn close(&self) {
        if let Some(stream) = self.0.lock().unwrap().take() {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
    }
}

pub fn serial(path: &Path, state: Arc<State>) -> Client {
    let listener = UnixListener::bind(path).expect("serial socket");
    let client = Client::default();
    let shared = client.clone();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let input = stream.try_clone().expect("serial stream");
            *shared.0.lock().unwrap() = Some(stream);
            let mut line = String::new();
            for byte in BufReader::new(input).bytes().map_while(Result::ok) {
                // The character after a BREAK is a sysrq letter for the kernel; a line is a command for the agent.
                if state.break_seen.swap(false, Relaxed) {
                    sysrq(&shared, &state, char::from(byte));
                } else if byte == b'\n' {
                    let command = std::mem::take(&mut line);
                    let letter = command.strip_prefix("!oomlab sysrq ").and_then(|rest| rest.chars().next());
                    letter.into_iter().for_each(|letter| sysrq(&shared, &state, letter));
                } else {
                    line.push(char::from(byte));
                }
            }
        }
    });
    client
}

fn sysrq(console: &Client, state: &State, letter: char) {
    if state.fatal.load(Relaxed) == u32::from(letter) {
        std::process::abort();
    }
    if !state.no_sysrq.load(Relaxed) {
        let what = if letter == 'm' { "Show Memory" } else { "This sysrq operation is disabled." };
        console.send(format!("[    9.000000] sysrq: {what}\r\n").as_bytes());
    }
}

pub fn qmp(path: &Path, state: Arc<State>) -> Client {
    let listener = UnixListener::bind(path).expect("QMP socket");
    let client = Client::default();
    let shared = client.clone();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let reader = BufReader::new(stream.try_clone().expect("QMP stream"));
            *shared.0.lock().unwrap() = Some(stream);
            shared.send(b"{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\n");
            for line in reader.lines().map_while(Result::ok) {
                if !state.qmp_hang.load(Relaxed) {
                    shared.send(reply(&line, &state).as_bytes());
                }
            }
        }
    });
    client
}

/// What QEMU sends on a command: an event if the run state changes, then the reply.
fn reply(line: &str, state: &State) -> String {
    let request: Value = serde_json::from_str(line).expect("the lab sends JSON");
    let name = request["execute"].as_str().expect("a command's name");
    let mut events = String::new();
    let mut set_running = |running: bool, event: &str| {
        if state.paused.swap(!running, Relaxed) == running {
            events = format!("{}\n", json!({ "event": event, "data": {} }));
        }
        Some(json!({}))
    };
    let returned = match name {
        "qmp_capabilities" => Some(json!({})),
        "query-cpus-fast" => {
            let thread = state.vcpu.load(Relaxed);
            Some(json!([{ "cpu-index": 0, "thread-id": thread, "qom-path": "/machine", "target": "riscv64" }]))
        }
        "query-status" => Some(status(state)),
        "stop" => set_running(false, "STOP"),
        "cont" => set_running(true, "RESUME"),
        "chardev-send-break" => {
            state.break_seen.store(!state.no_break.load(Relaxed), Relaxed);
            Some(json!({}))
        }
        "human-monitor-command" => Some(json!(monitor(request["arguments"]["command-line"].as_str(), state))),
        "query-memory-size-summary" => Some(json!({ "base-memory": 32 << 20 })),
        "dump-guest-memory" => {
            let file = request["arguments"]["protocol"].as_str().and_then(|text| text.strip_prefix("file:"));
            std::fs::write(file.expect("a file"), b"KDUMP   ").ok().map(|()| json!({}))
        }
        "set-action" if state.has_set_action.load(Relaxed) => {
            state.pauses_on_shutdown.store(true, Relaxed);
            Some(json!({}))
        }
        "quit" => {
            state.quit.store(!state.ignore_term.load(Relaxed), Relaxed);
            Some(json!({}))
        }
        _ => None,
    };
    let id = &request["id"];
    let reply = match returned {
        Some(value) => json!({ "return": value, "id": id }),
        None => json!({ "error": { "class": "CommandNotFound", "desc": format!("no {name}") }, "id": id }),
    };
    format!("{events}{reply}\n")
}

fn status(state: &State) -> Value {
    let paused = state.paused.load(Relaxed);
    let status = match (paused, state.kvm_error.load(Relaxed)) {
        (false, _) => "running",
        (true, false) => "paused",
        (true, true) => "internal-error",
    };
    json!({ "running": !paused, "status": status })
}

/// Output of a human monitor command: one riscv64 vCPU, no readable memory.
fn monitor(command: Option<&str>, state: &State) -> String {
    match command {
        Some("info registers -a") => {
            assert!(state.paused.load(Relaxed), "the program counter of a running vCPU is stale");
            let pc = state.pc.load(Relaxed);
            format!(
                "\r\nCPU#0\r\n pc       {pc:016x}\r\n mstatus  0000000a00000088\r\n mepc     0000000000000000\r\n \
                 sepc     0000000000000000\r\n x0/zero  0000000000000000 x1/ra    0000000000000000 \
                 x2/sp    0000000080577a20\r\n"
            )
        }
        Some(show) if show.starts_with("x/") => "0000000080577a20: Cannot access memory\r\n".to_owned(),
        other => format!("unknown command: '{other:?}'\r\n"),
    }
}
