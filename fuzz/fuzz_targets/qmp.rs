//! What QEMU sends over QMP: nothing that it may say ends the connection, and what is not understood is kept short.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::QmpEvent;
use oomlab::qmp::{Message, command, parse};
use serde_json::{Value, json};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    check(&parse(&text));
    let value: Value = serde_json::from_slice(input).unwrap_or_else(|_| json!(text));
    // Its own words in each place of a message.
    check(&parse(&json!({"event": text, "data": value}).to_string()));
    check(&parse(&json!({"event": "SHUTDOWN", "data": {"reason": value}}).to_string()));
    assert_eq!(parse(&json!({"return": value, "id": 7}).to_string()), Message::Reply { id: 7, result: Ok(value.clone()) });
    check(&parse(&json!({"error": value, "id": 7}).to_string()));
    // A command is one line, whatever its arguments are.
    let line = command(7, &text, &value);
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
});

fn check(message: &Message) {
    let kept = match message {
        Message::Unknown(text) | Message::Event(QmpEvent::Other(text)) => text,
        _ => return,
    };
    assert!(kept.chars().count() <= 200);
}
