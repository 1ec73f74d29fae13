//! What QEMU sends over QMP: no line ends the connection, and what the lab does not know is kept short.

#![no_main]

use arch::vcpu_dumps;
use libfuzzer_sys::fuzz_target;
use model::{QmpEvent, ShutdownCause};
use oomlab::qmp::{Message, QueryVcpus, encode, parse, parse_memory};
use qapi_qmp::{MemoryInfo, StatusInfo, human_monitor_command};
use qapi_spec::Command;
use serde_json::{Value, json};

/// The longest text that is kept of a line, in characters.
const MAX_TEXT: usize = 200;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    check(&parse(&text));
    let value: Value = serde_json::from_slice(input).unwrap_or_else(|_| json!(text));
    // The input as each part of a message.
    check(&parse(&json!({ "event": text, "data": value }).to_string()));
    for event in ["SHUTDOWN", "BLOCK_IO_ERROR"] {
        check(&parse(&json!({ "event": event, "data": value }).to_string()));
        check(&parse(&json!({ "event": event, "data": { "reason": value, "action": "stop" } }).to_string()));
    }
    let reply = Message::Reply { id: 7, result: Ok(value.clone()) };
    assert_eq!(parse(&json!({ "return": value, "id": 7 }).to_string()), reply);
    check(&parse(&json!({ "error": value, "id": 7 }).to_string()));
    replies(value);
    vcpu_dumps(&text);
    parse_memory(&text);
    let command = human_monitor_command { command_line: text.into_owned(), cpu_index: None };
    let line = encode(7, &command);
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
});

/// A reply of any form is read as each type that the lab asks for, or refused.
fn replies(value: Value) {
    let _ = serde_json::from_value::<<QueryVcpus as Command>::Ok>(value.clone());
    let _ = serde_json::from_value::<StatusInfo>(value.clone());
    let _ = serde_json::from_value::<MemoryInfo>(value);
}

fn check(message: &Message) {
    let kept = match message {
        Message::Unknown(text) => text,
        Message::Event(
            QmpEvent::Other(text) | QmpEvent::Shutdown(ShutdownCause::Other(text)) | QmpEvent::DiskFailed(text),
        ) => text,
        _ => return,
    };
    assert!(kept.chars().count() <= MAX_TEXT);
}
