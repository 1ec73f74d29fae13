//! Text of foreign origin on its way to a terminal: a guest's, a repository's, a compiler's, another user's.

/// A line with everything that a terminal might obey replaced, one character for one: tabs by spaces, other
/// control characters and the marks that reorder text by U+FFFD. No foreign text is trusted.
pub fn printable(text: &str) -> String {
    text.chars().map(printable_char).collect()
}

/// As [`printable`], but line feeds stay: for text of several lines, such as a compiler's messages.
pub fn printable_lines(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { printable_char(c) }).collect()
}

/// A JSON document with the same characters as `\u` sequences, so that its content stays as it is. Outside of strings JSON
/// has only line feeds of them; inside, serializers write them as they are from U+007F on (RFC 8259, section 7).
pub fn printable_json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        if c != '\n' && is_obeyed(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// A text in which the same characters are visible: `\x1b`, `\u{202e}`. Line feeds and tabs stay.
pub fn visible_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_ascii() && is_obeyed(c) => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if is_obeyed(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

fn printable_char(c: char) -> char {
    match c {
        '\t' => ' ',
        c if is_obeyed(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// Control characters, C1 among them, which terminals obey in UTF-8, too (ECMA-48, 5.3), and the bidirectional controls, which
/// show the reader something else than what is there (UAX #9, 2). All of them are in the first plane.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_replaces_control_characters() {
        assert_eq!(
            printable("a\tb\x1b[31mc\0\r\n\u{9b}d\u{202e}e é\u{61c}"),
            "a b\u{fffd}[31mc\u{fffd}\u{fffd}\u{fffd}\u{fffd}d\u{fffd}e é\u{fffd}"
        );
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(printable_lines("a\r\nb\x1b\n"), "a\u{fffd}\nb\u{fffd}\n");
    }

    #[test]
    fn visible_text_has_escapes() {
        assert_eq!(
            visible_lines("a\tb\x1b[31mc\0\r\n\u{9b}d\u{202e}e é\u{61c}\u{7f}"),
            "a\tb\\x1b[31mc\\x00\\x0d\n\\u{9b}d\\u{202e}e é\\u{61c}\\x7f"
        );
    }

    #[test]
    fn json_keeps_its_content() {
        let content = "a\u{9b}b\u{202e}\u{7f}\x1b\n\t\u{61c}é";
        let document = serde_json::to_string_pretty(&[content]).unwrap();
        let shown = printable_json(&document);
        assert!(shown.chars().all(|c| c == '\n' || !is_obeyed(c)), "{shown:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [content]);
    }
}
