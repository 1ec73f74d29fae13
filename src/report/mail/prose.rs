//! Text of 72 columns, and foreign text in it.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// Columns of a line of prose.
pub(super) const COLUMNS: usize = 72;

/// A space at which no line is broken.
const GLUE: char = '\u{a0}';

/// Characters of one foreign text in a sentence.
const MAX_QUOTED: usize = 160;

/// A paragraph, with a line feed at its end.
pub(super) fn paragraph(text: &str) -> String {
    hanging("", "", text)
}

/// An entry of a list.
pub(super) fn item(text: &str) -> String {
    hanging("- ", "  ", text)
}

/// Lines behind `first`, the later ones behind `rest`.
pub(super) fn hanging(first: &str, rest: &str, text: &str) -> String {
    let options = Options::new(COLUMNS)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    let lines = textwrap::wrap(text, options);
    lines.iter().map(|line| format!("{}\n", line.replace(GLUE, " ").trim_end())).collect()
}

/// Text of the guest in ASCII, on one line: other characters are escaped, so that it looks like what it is.
pub(super) fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            ' '..='~' => out.push(c),
            c => out.extend(c.escape_default()),
        }
    }
    out
}

/// Foreign text within a sentence: in ASCII, bounded, and broken before plain words alone, so that no line begins with a header, a tag, a
/// quote's `>` or a command to a bot. The caller puts a mark or a word of its own before it.
pub(super) fn quoted(text: &str) -> String {
    glued(&ascii(text))
}

/// The same, with the letters that the subjects of commits have.
pub(super) fn glued(text: &str) -> String {
    let text = model::printable(text);
    let mut shown: String = text.chars().take(MAX_QUOTED).collect();
    if shown.len() < text.len() {
        shown.push_str("[...]");
    }
    let mut out = String::with_capacity(shown.len());
    for (index, word) in shown.split([' ', GLUE]).enumerate() {
        if index > 0 {
            out.push(if is_plain(word) { ' ' } else { GLUE });
        }
        out.push_str(word);
    }
    out
}

/// Whether a line may begin with a word of foreign text.
fn is_plain(word: &str) -> bool {
    // `From ` separates the mails of a mailbox (RFC 4155); `diff` begins a patch.
    let begins_well = word.starts_with(|c: char| c.is_ascii_alphanumeric() || "(%=".contains(c));
    begins_well && !word.contains(':') && !matches!(word, "From" | "diff" | "Index")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_begins_with_a_foreign_word_of_meaning() {
        for foreign in ["x #regzbot", "x > y", "x From a", "x Fixes: y", "x -- "] {
            let text = format!("aaaa {} ({})", "b".repeat(63), quoted(foreign));
            assert_eq!(paragraph(&text), format!("aaaa {}\n({foreign})\n", "b".repeat(63)), "{foreign}");
        }
        let text = format!("aaaa {} ({})", "b".repeat(63), quoted("x y"));
        assert_eq!(paragraph(&text), format!("aaaa {} (x\ny)\n", "b".repeat(63)));
        assert_eq!(item(&"word ".repeat(16)).lines().last(), Some("  word word"));
    }

    #[test]
    fn guest_text_is_ascii_on_one_line() {
        assert_eq!(ascii("a\tb\u{1b}[2J\n\u{202e}é"), "a b\\u{1b}[2J\\n\\u{202e}\\u{e9}");
        assert!(quoted(&"x".repeat(999)).ends_with("xx[...]"));
    }
}
