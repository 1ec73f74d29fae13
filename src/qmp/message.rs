//! The lines of QMP (QEMU, `docs/interop/qmp-spec.rst`).

use model::{QmpEvent, ShutdownCause};
use qapi_qmp::{BLOCK_IO_ERROR, BlockErrorAction, GUEST_PANICKED, QmpCommand, RESET, RESUME, SHUTDOWN, STOP};
use qapi_spec::Event;
use serde::Deserialize;
use serde_json::{Value, json};

/// Characters of an event's name or of a shutdown's cause that are kept.
const MAX_NAME: usize = 100;

/// Characters of any other text that are kept.
const MAX_TEXT: usize = 200;

/// One line from QEMU.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The first line of a connection.
    Greeting,
    /// A change of the machine's state.
    Event(QmpEvent),
    /// The reply to the command with this id.
    Reply {
        /// The command's id.
        id: u64,
        /// What it returned, or QEMU's description of the error.
        result: Result<Value, String>,
    },
    /// Anything else; kept so that no line ends the connection.
    Unknown(String),
}

/// Reads one line.
pub fn parse(line: &str) -> Message {
    let unknown = || Message::Unknown(first_chars(line, MAX_TEXT));
    let Ok(Value::Object(mut object)) = serde_json::from_str::<Value>(line) else {
        return unknown();
    };
    if object.contains_key("QMP") {
        return Message::Greeting;
    }
    if let Some(Value::String(name)) = object.get("event") {
        let name = name.clone();
        return Message::Event(event(&name, object.remove("data").unwrap_or_default()));
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

/// `SHUTDOWN` with an open set of causes: one newer than `qapi_qmp::ShutdownCause` is a shutdown as well.
#[derive(Deserialize)]
struct Shutdown {
    reason: ShutdownCause,
}

fn event(name: &str, data: Value) -> QmpEvent {
    match name {
        SHUTDOWN::NAME => {
            let cause = serde_json::from_value(data)
                .map_or(ShutdownCause::Other("none".to_owned()), |Shutdown { reason }| reason);
            QmpEvent::Shutdown(match cause {
                ShutdownCause::Other(name) => ShutdownCause::Other(first_chars(&name, MAX_NAME)),
                known => known,
            })
        }
        GUEST_PANICKED::NAME => QmpEvent::GuestPanicked,
        STOP::NAME => QmpEvent::Stop,
        RESUME::NAME => QmpEvent::Resume,
        RESET::NAME => QmpEvent::Reset,
        BLOCK_IO_ERROR::NAME => match serde_json::from_value(data) {
            Ok(BLOCK_IO_ERROR { action: BlockErrorAction::stop, reason, .. }) => {
                QmpEvent::DiskFailed(first_chars(&reason, MAX_TEXT))
            }
            _ => QmpEvent::Other(name.to_owned()),
        },
        other => QmpEvent::Other(first_chars(other, MAX_NAME)),
    }
}

fn first_chars(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

/// A command as QEMU reads it, with its line end.
pub fn encode<C: QmpCommand>(id: u64, command: &C) -> String {
    format!("{}\n", json!({ "execute": C::NAME, "arguments": command, "id": id }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use qapi_qmp::human_monitor_command;

    #[test]
    fn greeting_reply_error_and_event_are_distinguished() {
        assert_eq!(parse(r#"{"QMP": {"version": {}, "capabilities": ["oob"]}}"#), Message::Greeting);
        assert_eq!(parse(r#"{"return": {"a": 1}, "id": 7}"#), Message::Reply { id: 7, result: Ok(json!({"a": 1})) });
        assert_eq!(
            parse(r#"{"error": {"class": "GenericError", "desc": "no"}, "id": 8}"#),
            Message::Reply { id: 8, result: Err("no".to_owned()) }
        );
        assert_eq!(
            parse(r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}, "timestamp": {}}"#),
            Message::Event(QmpEvent::Shutdown(ShutdownCause::GuestReset))
        );
    }

    #[test]
    fn error_of_a_newer_class_is_a_reply() {
        let line = r#"{"error": {"class": "BrandNew", "desc": "no"}, "id": 8}"#;
        assert_eq!(parse(line), Message::Reply { id: 8, result: Err("no".to_owned()) });
    }

    #[test]
    fn event_of_a_newer_qemu_is_an_event() {
        let line = r#"{"event": "BRAND_NEW", "data": {"x": []}}"#;
        assert_eq!(parse(line), Message::Event(QmpEvent::Other("BRAND_NEW".to_owned())));
    }

    #[test]
    fn shutdown_with_a_newer_cause_is_a_shutdown() {
        let line = |data: Value| json!({ "event": "SHUTDOWN", "data": data }).to_string();
        let shutdown = |cause: &str| Message::Event(QmpEvent::Shutdown(ShutdownCause::Other(cause.to_owned())));
        assert_eq!(parse(&line(json!({ "guest": true, "reason": "guest-kexec" }))), shutdown("guest-kexec"));
        assert_eq!(parse(&line(json!({ "guest": true }))), shutdown("none"));
        assert_eq!(parse(&line(Value::Null)), shutdown("none"));
    }

    #[test]
    fn block_io_error_is_a_disk_failure_if_it_stops_the_machine() {
        let line = |action: &str| {
            format!(
                r#"{{"event": "BLOCK_IO_ERROR", "data": {{"device": "", "nospace": true, "operation": "write",
                "action": "{action}", "reason": "No space left on device"}}}}"#
            )
        };
        assert_eq!(parse(&line("stop")), Message::Event(QmpEvent::DiskFailed("No space left on device".to_owned())));
        for action in ["report", "brand-new"] {
            assert_eq!(parse(&line(action)), Message::Event(QmpEvent::Other("BLOCK_IO_ERROR".to_owned())), "{action}");
        }
    }

    #[test]
    fn command_is_one_line() {
        let line = encode(4, &human_monitor_command { command_line: "a\nb".to_owned(), cpu_index: Some(1) });
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line}");
        let arguments = json!({ "command-line": "a\nb", "cpu-index": 1 });
        let expected = json!({ "execute": "human-monitor-command", "arguments": arguments, "id": 4 });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn parse_never_panics(line in ".{0,300}") {
            parse(&line);
        }
    }
}
