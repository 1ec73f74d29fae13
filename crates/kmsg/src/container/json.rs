//! JSON: an object a line, a list of them, or one over many lines; and YAML's flow mappings, as LAVA once wrote them.

use super::{escape, is_of_program, text_rank};
use serde_json::{Deserializer, Map, Value};

/// Objects that do not end in their line, and are entered to find whole ones.
const MAX_ENTERED: usize = 8;

/// Keys of a record's origin: the journal's, Fluentd's, syslog daemons'.
const SENDERS: [&str; 5] = ["SYSLOG_IDENTIFIER", "ident", "appname", "programname", "program"];

/// The texts of the records in a line; `None` where there is no record.
pub(super) fn texts(line: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    if let Some(member) = member(line) {
        of_object(&member, &mut found);
        return Some(found);
    }
    if !line.contains(|c: char| c.is_alphanumeric()) {
        // The brackets of what is spread over lines.
        return line.contains(['{', '}', '[', ']']).then_some(found);
    }
    let (mut rest, mut read, mut entered) = (line, false, 0);
    while let Some(at) = rest.find('{') {
        rest = &rest[at..];
        let mut values = Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                read = true;
                of_value(&value, &mut found);
                rest = &rest[values.byte_offset()..];
            }
            _ if entered < MAX_ENTERED => {
                entered += 1;
                rest = &rest[1..];
            }
            _ => break,
        }
    }
    if !read {
        found.extend(flow(line));
    }
    (read || !found.is_empty()).then_some(found)
}

/// `"key": value,`: a line of an object that is spread over many.
fn member(line: &str) -> Option<Map<String, Value>> {
    let line = line.trim();
    let (key, _) = line.strip_prefix('"')?.split_once('"')?;
    let is_member = line[key.len() + 2..].trim_start().starts_with(':');
    let object = format!("{{{}}}", line.trim_end_matches(','));
    serde_json::from_str(&object).ok().filter(|_| is_member)
}

fn of_value(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(object) => of_object(object, out),
        Value::Array(list) => of_list(list, out),
        Value::String(text) => out.push(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn of_object(object: &Map<String, Value>, out: &mut Vec<String>) {
    let ranked = object.iter().filter_map(|(key, value)| Some((text_rank(key)?, value)));
    let Some((_, value)) = ranked.min_by_key(|(rank, _)| *rank) else {
        return object
            .values()
            .filter(|value| value.is_object() || value.is_array())
            .for_each(|value| of_value(value, out));
    };
    let from = out.len();
    of_value(value, out);
    let sender = SENDERS.iter().find_map(|key| object.get(*key)?.as_str());
    if sender.is_some_and(|sender| out[from..].iter().all(|text| is_of_program(sender, text))) {
        out.truncate(from);
    }
}

/// A list of texts or records; the bytes of a text that the journal could not write as one; Loki's `[time, text]`.
fn of_list(list: &[Value], out: &mut Vec<String>) {
    let bytes: Option<Vec<u8>> = list.iter().map(|value| u8::try_from(value.as_u64()?).ok()).collect();
    if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
        return out.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    if let [Value::String(time), Value::String(text), ..] = list
        && time.bytes().all(|byte| byte.is_ascii_digit())
    {
        return out.push(text.clone());
    }
    list.iter().for_each(|value| of_value(value, out));
}

/// `- {dt: '2018-10-03T02:16:03', lvl: target, msg: 'it''s text'}`.
fn flow(line: &str) -> Option<String> {
    let record = line.trim().strip_prefix("- {")?.strip_suffix('}')?;
    let (_, text) = record.split_once(" msg: ")?;
    Some(escape::unquoted(text).unwrap_or_else(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_records_are_found() {
        for (line, expected) in [
            (r#"{"MESSAGE":"a \"b\"","SYSLOG_IDENTIFIER":"kernel"}"#, &["a \"b\""][..]),
            (r#"{"log":"a\n","stream":"stdout"}"#, &["a\n"]),
            (r#"- {"dt": "2026", "lvl": "target", "msg": "a\tb"}"#, &["a\tb"]),
            ("- {dt: '2018', lvl: target, msg: 'it''s'}", &["it's"]),
            (r#"- {dt: '2018', lvl: target, msg: "a\tb"}"#, &["a\tb"]),
            ("- {dt: '2018', lvl: target, msg: a b}", &["a b"]),
            (r#"2026-11-24T10:00:00Z {"log":"a"}"#, &["a"]),
            (r#"[{"msg":"a"},{"msg":"b"},"#, &["a", "b"]),
            (r#"{"hits":{"hits":[{"_source":{"message":"a"}},{"_source":{"message":"b"}}]}}"#, &["a", "b"]),
            (r#"{"data":{"result":[{"stream":{"job":"x"},"values":[["17","a"],["18","b"]]}]}}"#, &["a", "b"]),
            (r#"{"hits":{"hits":[{"_source":{"message":"a"}},"#, &["a"]),
            (r#"{"MESSAGE":[27,91,109,97],"_TRANSPORT":"kernel"}"#, &["\x1b[ma"]),
            (r#"{"jsonPayload":{"message":"a"},"severity":"INFO"}"#, &["a"]),
            (r#"	"MESSAGE" : "a","#, &["a"]),
            (r#"  "_TRANSPORT": "kernel""#, &[]),
        ] {
            assert_eq!(texts(line).unwrap_or_else(|| panic!("{line}")), expected, "{line}");
        }
        for line in ["plain", "{", " },{", "{}{", "[    1.000000] f {x}", "\"a\" b", "- {msg}", "- {dt: 1}"] {
            assert!(texts(line).is_none_or(|found| found.is_empty()), "{line}");
        }
    }

    #[test]
    fn programs_records_hold_no_text_of_the_kernel() {
        let record = |sender: &str, text: &str| format!(r#"{{"SYSLOG_IDENTIFIER":"{sender}","MESSAGE":"{text}"}}"#);
        assert_eq!(texts(&record("systemd", "BUG: x")), Some(vec![]));
        assert_eq!(texts(&record("kernel", "BUG: x")), Some(vec!["BUG: x".to_owned()]));
        assert_eq!(texts(&record("conserver", "[    1.000000] BUG: x")).map(|found| found.len()), Some(1));
    }
}
