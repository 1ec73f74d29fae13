//! Text of foreign origin on its way to a terminal.

/// The text with everything that a terminal might obey replaced, one character for one: tabs by spaces, other
/// control characters and the marks that reorder text by U+FFFD. Nothing that a guest prints is trusted.
pub fn printable(text: &str) -> String {
    text.chars().map(printable_char).collect()
}

fn printable_char(c: char) -> char {
    match c {
        '\t' => ' ',
        // Bidirectional controls could show the reader something else than what is there.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_replaces_control_characters() {
        assert_eq!(
            printable("a\tb\x1b[31mc\0\r\n\u{9b}d\u{202e}e é"),
            "a b\u{fffd}[31mc\u{fffd}\u{fffd}\u{fffd}\u{fffd}d\u{fffd}e é"
        );
    }
}
