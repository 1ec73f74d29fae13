//! Texts in quotes.

/// What stands in the quotes that a line is in: `"text"`, `'text'`, Python's `b'text'`, a list's `- "text"` and `"text",`.
pub(super) fn unquoted(line: &str) -> Option<String> {
    let text = line.trim();
    let text = text.strip_prefix("- ").unwrap_or(text);
    let text = text.strip_suffix(',').unwrap_or(text);
    let text = text.strip_prefix(['b', 'u']).filter(|rest| rest.starts_with(['"', '\''])).unwrap_or(text);
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let text = unescaped(inner);
    Some(if quote == '\'' { text.replace("''", "'") } else { text })
}

/// A text in double quotes at the start of another, and how long it is with them.
pub(super) fn quoted(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inner.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })?;
    Some((unescaped(&inner[..end]), end + 2))
}

/// Without the escapes of C, JSON, Go and Python: `\n`, `\"`, `\x1b`, `\u001b`, `\033`.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(kind) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        let (digits, radix) = match kind {
            'x' => (rest.get(1..3), 16),
            'u' => (rest.get(1..5), 16),
            'U' => (rest.get(1..9), 16),
            '0'..='3' => (rest.get(..3), 8),
            _ => (None, 10),
        };
        if let Some(digits) = digits
            && let Some(c) = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32)
        {
            out.push(c);
            rest = &rest[digits.len() + usize::from(radix == 16)..];
            continue;
        }
        rest = &rest[kind.len_utf8()..];
        match kind {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'e' => out.push('\x1b'),
            '"' | '\'' | '\\' | '/' => out.push(kind),
            other => out.extend(['\\', other]),
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        for (text, expected) in [
            (r"a\tb\\n\x41\u0042\103\/", "a\tb\\nABC/".to_owned()),
            (r"\q\", r"\q\".to_owned()),
            (r"\x4", r"\x4".to_owned()),
            (r"\u00é", r"\u00é".to_owned()),
        ] {
            assert_eq!(unescaped(text), expected, "{text}");
        }
    }

    #[test]
    fn quotes_are_taken_off() {
        for (line, expected) in
            [(r#""a \"b\"","#, "a \"b\""), ("- 'it''s'", "it's"), (r"b'a\r\n'", "a\r\n"), ("  \"a\"", "a")]
        {
            assert_eq!(unquoted(line).as_deref(), Some(expected), "{line}");
        }
        for line in ["a", "\"a", "\"", "b", "'a\"", ""] {
            assert_eq!(unquoted(line), None, "{line}");
        }
        assert_eq!(quoted(r#""a\\" b"#), Some(("a\\".to_owned(), 5)));
        assert_eq!(quoted(r#""a\" b"#), None);
    }
}
