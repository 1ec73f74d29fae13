//! The two sockets.

use super::guest::Switches;
use std::io::{BufRead, BufReader, Write};
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

pub fn serial(path: &Path) -> Client {
    let listener = UnixListener::bind(path).expect("serial socket");
    let client = Client::default();
    let shared = client.clone();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            *shared.0.lock().unwrap() = Some(stream);
        }
    });
    client
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

fn answer(line: &str, switches: &Switches) -> String {
    let request: serde_json::Value = serde_json::from_str(line).expect("the lab sends JSON");
    let id = &request["id"];
    match request["execute"].as_str().expect("a command's name") {
        "query-cpus-fast" => {
            let tid = switches.vcpu.load(Relaxed);
            format!("{{\"return\": [{{\"cpu-index\": 0, \"thread-id\": {tid}}}], \"id\": {id}}}\n")
        }
        "quit" if !switches.stubborn.load(Relaxed) => {
            switches.quit.store(true, Relaxed);
            format!("{{\"return\": {{}}, \"id\": {id}}}\n")
        }
        "qmp_capabilities" | "quit" => format!("{{\"return\": {{}}, \"id\": {id}}}\n"),
        other => {
            format!("{{\"error\": {{\"class\": \"CommandNotFound\", \"desc\": \"no {other}\"}}, \"id\": {id}}}\n")
        }
    }
}
