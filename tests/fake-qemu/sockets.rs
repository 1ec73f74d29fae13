//! The two sockets.

use super::guest::Switches;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

/// A socket for one client; what is written while nobody is connected is lost, as QEMU loses it.
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

    /// Lets the other side see the end of the stream behind the last byte.
    pub fn close(&self) {
        if let Some(stream) = self.0.lock().unwrap().take() {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
    }
}

pub fn serial(path: &Path, switches: Arc<Switches>) -> Client {
    let listener = UnixListener::bind(path).expect("serial socket");
    let client = Client::default();
    let shared = client.clone();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let input = stream.try_clone().expect("serial stream");
            *shared.0.lock().unwrap() = Some(stream);
            let mut line = String::new();
            for byte in BufReader::new(input).bytes().map_while(Result::ok) {
                // The kernel takes the first character behind a BREAK for a sysrq letter, the agent a line for a command.
                if switches.break_seen.swap(false, Relaxed) {
                    sysrq(&shared, &switches, char::from(byte));
                } else if byte == b'\n' {
                    let command = std::mem::take(&mut line);
                    let letter = command.strip_prefix("!oomlab sysrq ").and_then(|rest| rest.chars().next());
                    letter.into_iter().for_each(|letter| sysrq(&shared, &switches, letter));
                } else {
                    line.push(char::from(byte));
                }
            }
        }
    });
    client
}

fn sysrq(console: &Client, switches: &Switches, letter: char) {
    if switches.fatal.load(Relaxed) == u32::from(letter) {
        std::process::abort();
    }
    if !switches.numb.load(Relaxed) {
        let what = if letter == 'm' { "Show Memory" } else { "This sysrq operation is disabled." };
        console.send(format!("[    9.000000] sysrq: {what}\r\n").as_bytes());
    }
}

pub fn qmp(path: &Path, switches: Arc<Switches>) -> Client {
    let listener = UnixListener::bind(path).expect("QMP socket");
    let client = Client::default();
    let shared = client.clone();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let reader = BufReader::new(stream.try_clone().expect("QMP stream"));
            *shared.0.lock().unwrap() = Some(stream);
            shared.send(b"{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\n");
            for line in reader.lines().map_while(Result::ok) {
                if !switches.deaf.load(Relaxed) {
                    shared.send(answer(&line, &switches).as_bytes());
                }
            }
        }
    });
    client
}

/// What QEMU sends upon a command: an event where it has an effect, then the answer.
fn answer(line: &str, switches: &Switches) -> String {
    let request: Value = serde_json::from_str(line).expect("the lab sends JSON");
    let name = request["execute"].as_str().expect("a command's name");
    let mut events = String::new();
    let mut set_running = |running: bool, event: &str| {
        if switches.paused.swap(!running, Relaxed) == running {
            events = format!("{}\n", json!({ "event": event, "data": {} }));
        }
        Some(json!({}))
    };
    let returned = match name {
        "qmp_capabilities" => Some(json!({})),
        "query-cpus-fast" => {
            let thread = switches.vcpu.load(Relaxed);
            Some(json!([{ "cpu-index": 0, "thread-id": thread, "qom-path": "/machine", "target": "riscv64" }]))
        }
        "query-status" => Some(status(switches)),
        "stop" => set_running(false, "STOP"),
        "cont" => set_running(true, "RESUME"),
        "chardev-send-break" => {
            switches.break_seen.store(!switches.no_break.load(Relaxed), Relaxed);
            Some(json!({}))
        }
        "human-monitor-command" => Some(json!(monitor(request["arguments"]["command-line"].as_str(), switches))),
        "query-memory-size-summary" => Some(json!({ "base-memory": 32 << 20 })),
        "dump-guest-memory" => {
            let file = request["arguments"]["protocol"].as_str().and_then(|text| text.strip_prefix("file:"));
            std::fs::write(file.expect("a file"), b"KDUMP   ").ok().map(|()| json!({}))
        }
        "set-action" if switches.keeps.load(Relaxed) => {
            switches.kept.store(true, Relaxed);
            Some(json!({}))
        }
        "quit" => {
            switches.quit.store(!switches.stubborn.load(Relaxed), Relaxed);
            Some(json!({}))
        }
        _ => None,
    };
    let id = &request["id"];
    let answer = match returned {
        Some(value) => json!({ "return": value, "id": id }),
        None => json!({ "error": { "class": "CommandNotFound", "desc": format!("no {name}") }, "id": id }),
    };
    format!("{events}{answer}\n")
}

fn status(switches: &Switches) -> Value {
    let paused = switches.paused.load(Relaxed);
    let status = match (paused, switches.broken.load(Relaxed)) {
        (false, _) => "running",
        (true, false) => "paused",
        (true, true) => "internal-error",
    };
    json!({ "running": !paused, "status": status })
}

/// What the human monitor prints: one riscv64 vCPU, and memory that cannot be read.
fn monitor(command: Option<&str>, switches: &Switches) -> String {
    match command {
        Some("info registers -a") => {
            assert!(switches.paused.load(Relaxed), "a vCPU that runs has no program counter that is right");
            let pc = switches.pc.load(Relaxed);
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
