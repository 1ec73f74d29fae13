//! What QEMU sends and what it is sent.

use model::QmpEvent;
use serde_json::{Value, json};

/// One line from QEMU.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The first line of a connection.
    Greeting,
    /// Something happened.
    Event(QmpEvent),
    /// The answer to the command of this id.
    Reply {
        /// The command's id.
        id: u64,
        /// What it returned, or QEMU's description of the error.
        result: Result<Value, String>,
    },
    /// Anything else; kept so that nothing QEMU may say ends the connection.
    Unknown(String),
}

/// Reads one line.
pub fn parse(line: &str) -> Message {
    let unknown = || Message::Unknown(line.chars().take(200).collect());
    let Ok(Value::Object(mut object)) = serde_json::from_str::<Value>(line) else {
        return unknown();
    };
    if object.contains_key("QMP") {
        return Message::Greeting;
    }
    if let Some(name) = object.get("event").and_then(Value::as_str) {
        return Message::Event(event(name, object.get("data").unwrap_or(&Value::Null)));
    }
    let Some(id) = object.get("id").and_then(Value::as_u64) else {
        return unknown();
    };
    match (object.remove("return"), object.remove("error")) {
        (Some(value), None) => Message::Reply { id, result: Ok(value) },
        (None, Some(error)) => {
            let text = error.get("desc").and_then(Value::as_str).unwrap_or("error without a description");
            Message::Reply { id, result: Err(text.to_owned()) }
        }
        _ => unknown(),
    }
}

/// Names: `qapi/run-state.json`, `qapi/block-core.json`.
fn event(name: &str, data: &Value) -> QmpEvent {
    match name {
        "SHUTDOWN" => {
            let reason = data.get("reason").and_then(Value::as_str).unwrap_or("none");
            QmpEvent::Shutdown(reason.to_owned())
        }
        "GUEST_PANICKED" => QmpEvent::GuestPanicked,
        "STOP" => QmpEvent::Stop,
        "RESUME" => QmpEvent::Resume,
        "BLOCK_IO_ERROR" if data.get("action").and_then(Value::as_str) == Some("stop") => {
            let reason = data.get("reason").and_then(Value::as_str).unwrap_or("an error without a description");
            QmpEvent::DiskFailed(reason.chars().take(200).collect())
        }
        "RESET" => QmpEvent::Reset,
        other => QmpEvent::Other(other.chars().take(100).collect()),
    }
}

/// A command as QEMU takes it, with its line end.
pub fn command(id: u64, name: &str, arguments: &Value) -> String {
    let mut object = json!({ "execute": name, "id": id });
    if !arguments.is_null() {
        object["arguments"] = arguments.clone();
    }
    format!("{object}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replies_events_and_the_greeting_are_told_apart() {
        assert_eq!(parse(r#"{"QMP": {"version": {}, "capabilities": ["oob"]}}"#), Message::Greeting);
        assert_eq!(parse(r#"{"return": {"a": 1}, "id": 7}"#), Message::Reply { id: 7, result: Ok(json!({"a": 1})) });
        assert_eq!(
            parse(r#"{"error": {"class": "GenericError", "desc": "no"}, "id": 8}"#),
            Message::Reply { id: 8, result: Err("no".to_owned()) }
        );
        assert_eq!(
            parse(r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}, "timestamp": {}}"#),
            Message::Event(QmpEvent::Shutdown("guest-reset".to_owned()))
        );
    }

    #[test]
    fn an_event_of_a_newer_qemu_is_an_event() {
        let line = r#"{"event": "BRAND_NEW", "data": {"x": []}}"#;
        assert_eq!(parse(line), Message::Event(QmpEvent::Other("BRAND_NEW".to_owned())));
    }

    #[test]
    fn a_disk_has_failed_when_the_machine_was_stopped_for_it() {
        let line = |action: &str| {
            format!(
                r#"{{"event": "BLOCK_IO_ERROR", "data": {{"device": "", "nospace": true, "operation": "write",
                "action": "{action}", "reason": "No space left on device"}}}}"#
            )
        };
        assert_eq!(parse(&line("stop")), Message::Event(QmpEvent::DiskFailed("No space left on device".to_owned())));
        assert_eq!(parse(&line("report")), Message::Event(QmpEvent::Other("BLOCK_IO_ERROR".to_owned())));
    }

    #[test]
    fn a_command_is_one_line() {
        assert_eq!(command(3, "quit", &Value::Null), "{\"execute\":\"quit\",\"id\":3}\n");
    }

    proptest! {
        #[test]
        fn arbitrary_lines_never_panic(line in ".{0,300}") {
            parse(&line);
        }
    }
}
