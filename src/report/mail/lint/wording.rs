//! What a person has still to write.

use super::Finding;
use super::document::{Document, LineKind};
use super::layout::is_html;

/// Words that stand for something to write.
const WORDS: &[&str] = &["TODO", "FIXME", "XXX", "TBD", "PLACEHOLDER", "???"];

/// Nothing is left to fill in.
pub(super) fn placeholders(document: &Document<'_>, found: &mut Vec<Finding>) {
    let body = document
        .body
        .iter()
        .filter(|line| matches!(line.kind, LineKind::Prose | LineKind::Verbatim | LineKind::Regzbot));
    let headers = document.headers.iter().map(|header| (header.line, header.value.as_str()));
    for (number, text) in headers.chain(body.map(|line| (line.number, line.text))) {
        if let Some(placeholder) = placeholder(text) {
            found.push(Finding::new(number, format!("`{}` is still to be filled in", model::printable(placeholder))));
        }
    }
}

/// The first placeholder of a line: a word, or `<what to write>`.
fn placeholder(text: &str) -> Option<&str> {
    let word = WORDS.iter().find_map(|word| {
        let at = text.find(word)?;
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_whole = !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part);
        is_whole.then(|| &text[at..at + word.len()])
    });
    word.or_else(|| angle(text).filter(|angle| !is_html(angle)))
}

/// `<commit>`, `<your name>`: letters and spaces. An address has a `@`, a stack `<-`, a log level a digit.
fn angle(text: &str) -> Option<&str> {
    text.match_indices('<').find_map(|(at, _)| {
        let end = at + text[at..].find('>')?;
        let inner = &text[at + 1..end];
        let is_placeholder = inner.len() > 1
            && inner.starts_with(|c: char| c.is_ascii_alphabetic())
            && inner.chars().all(|c| c.is_ascii_alphabetic() || " _-".contains(c));
        is_placeholder.then(|| &text[at..=end])
    })
}
