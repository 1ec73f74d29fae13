//! logfmt: `time=2026-11-24T10:00:00Z level=warning msg="text"`, as loggers of Go write.

use super::{escape, is_of_program, text_rank};

/// The text of a record; `None` where the line is none. Of a program's record, it is empty.
pub(super) fn text(line: &str) -> Option<String> {
    let (mut found, mut sender): (Option<(usize, String)>, Option<String>) = (None, None);
    let mut rest = line;
    while !rest.is_empty() {
        rest = rest.trim_start();
        let end = rest.find(['=', ' ', '"']).unwrap_or(rest.len());
        let (key, behind) = rest.split_at(end);
        let Some(value) = behind.strip_prefix('=') else {
            // What stands before the pairs.
            rest = behind.get(1..).unwrap_or_default();
            continue;
        };
        let (value, length) = escape::quoted(value).unwrap_or_else(|| {
            let end = value.find(' ').unwrap_or(value.len());
            (value[..end].to_owned(), end)
        });
        rest = &behind[1 + length..];
        match text_rank(key) {
            Some(rank) if found.as_ref().is_none_or(|(known, _)| rank < *known) => found = Some((rank, value)),
            _ if key.eq_ignore_ascii_case("SYSLOG_IDENTIFIER") => sender = Some(value),
            _ => {}
        }
    }
    let (_, text) = found?;
    let is_told = sender.is_none_or(|sender| !is_of_program(&sender, &text));
    Some(if is_told { text } else { String::new() })
}

/// Whether a line has a text and something else beside it.
pub(super) fn is_record(line: &str) -> bool {
    line.matches('=').count() > 1 && text(line).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_records_are_found() {
        for (line, expected) in [
            (r#"time=2026 level=warn msg="a \"b\" c=d""#, Some("a \"b\" c=d")),
            (r#"ts=1 host=h message="[    1.000000] a\tb" n=2"#, Some("[    1.000000] a\tb")),
            ("level=warn msg=word", Some("word")),
            (r#"2026-11-24 {job="x"} level=info msg="a""#, Some("a")),
            ("level=warn text=b msg=a", Some("a")),
            ("level=warn", None),
            ("a plain line", None),
            ("=", None),
            ("a=\"", None),
        ] {
            assert_eq!(text(line).as_deref(), expected, "{line}");
        }
        assert!(is_record(r#"level=warn msg="a""#) && !is_record("msg=a"));
        assert_eq!(text(r#"SYSLOG_IDENTIFIER=sshd MESSAGE="BUG: x""#).as_deref(), Some(""));
    }
}
