//! Claims that the draft itself takes back.

use super::super::reproduce::NOT_TESTED;
use super::Finding;
use super::document::{Document, Line, LineKind};
use std::ops::Range;

/// What was tested or not: names of trees, and a revert.
const SUBJECTS: &[&str] = &["mainline", "linux-next", "stable", "revert"];

/// What the paragraph on what was not tested lists is claimed nowhere else.
pub(super) fn untested(document: &Document<'_>, found: &mut Vec<Finding>) {
    let paragraphs = document.paragraphs();
    let is_list = |paragraph: &&&[Line<'_>]| paragraph[0].text.starts_with(NOT_TESTED);
    let Some(list) = paragraphs.iter().find(is_list) else { return };
    let (start, text) = (list[0].number, text(list));
    let listed: Vec<&str> = SUBJECTS.iter().copied().filter(|subject| text.contains(subject)).collect();
    for paragraph in paragraphs.iter().filter(|paragraph| paragraph[0].number != start) {
        let plain = unquoted(paragraph);
        for (line, text) in paragraph.iter().zip(plain.lines()).filter(|(line, _)| line.kind == LineKind::Prose) {
            let lower = text.to_ascii_lowercase();
            for subject in listed.iter().filter(|subject| has_word(&lower, subject)) {
                let message = format!(
                    "`{subject}` is mentioned here, and line {start} says that it was not tested: remove it from one of them"
                );
                found.push(Finding::new(line.number, message));
            }
        }
    }
}

fn text(paragraph: &[Line<'_>]) -> String {
    paragraph.iter().map(|line| line.text.to_ascii_lowercase() + " ").collect()
}

/// The lines of a paragraph without what it quotes: the subject of a commit claims nothing.
fn unquoted(paragraph: &[Line<'_>]) -> String {
    let text: String = paragraph.iter().map(|line| format!("{}\n", line.text)).collect();
    let quotes = quotes(&text);
    let is_quoted = |at: usize| quotes.iter().any(|quote| quote.contains(&at));
    text.char_indices().map(|(at, c)| if c != '\n' && is_quoted(at) { ' ' } else { c }).collect()
}

/// The outermost quotes, each with its marks. One that is never closed ends at the last mark that closes another within.
fn quotes(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut depth, mut start, mut closed, mut opened) = (Vec::new(), 0_usize, 0, None, None);
    for (at, _) in text.match_indices('"') {
        let before = text[..at].chars().next_back();
        let is_nested = opened.is_some_and(|opened| opened + 1 == at);
        if is_nested || before.is_none_or(|c| c.is_whitespace() || c == '(') {
            if depth == 0 {
                (start, closed) = (at, None);
            }
            (depth, opened) = (depth + 1, Some(at));
        } else if depth > 0 {
            (depth, closed) = (depth - 1, Some(at));
            if depth == 0 {
                found.push(start..at + 1);
            }
        }
    }
    found.extend(closed.filter(|_| depth > 0).map(|at| start..at + 1));
    found
}

/// Whether a text has a word that begins so, as *reverting* does; not as a part of an address or a name.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + word.len()..].chars().next();
        let is_inside = before.is_some_and(|c| c.is_alphanumeric() || "-/_.@".contains(c));
        !is_inside && behind.is_none_or(|c| !"@/_".contains(c))
    })
}
