//! Claims that the draft itself takes back.

use super::super::reproduce::NOT_TESTED;
use super::Finding;
use super::document::{Document, Line, LineKind};

/// What was tested or not: names of trees, and a revert.
const SUBJECTS: &[&str] = &["mainline", "linux-next", "stable", "revert"];

/// What the paragraph on what was not tested lists is claimed nowhere else.
pub(super) fn untested(document: &Document<'_>, found: &mut Vec<Finding>) {
    let paragraphs = document.paragraphs();
    let is_list = |paragraph: &&&[Line<'_>]| paragraph[0].text.starts_with(NOT_TESTED);
    let Some(list) = paragraphs.iter().find(is_list) else { return };
    let (start, text) = (list[0].number, text(list));
    let listed: Vec<&str> = SUBJECTS.iter().copied().filter(|subject| text.contains(subject)).collect();
    let claims = document.lines(LineKind::Prose).filter(|line| list.iter().all(|other| other.number != line.number));
    for line in claims {
        let lower = unquoted(line.text).to_ascii_lowercase();
        for subject in listed.iter().filter(|subject| has_word(&lower, subject)) {
            let message = format!(
                "`{subject}` is mentioned here, and line {start} says that it was not tested: remove it from one of them"
            );
            found.push(Finding::new(line.number, message));
        }
    }
}

fn text(paragraph: &[Line<'_>]) -> String {
    paragraph.iter().map(|line| line.text.to_ascii_lowercase() + " ").collect()
}

/// A line without what it quotes: the subject of a commit claims nothing.
fn unquoted(line: &str) -> String {
    match (line.find('"'), line.rfind('"')) {
        (Some(start), Some(end)) if start < end => format!("{} {}", &line[..start], &line[end + 1..]),
        _ => line.to_owned(),
    }
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
