//! Characters, columns, markup and the order of quotes.

use super::super::excerpt::MAX_LINES;
use super::super::prose::COLUMNS;
use super::Finding;
use super::document::{Document, LineKind};

/// Bytes of a line that a mail may have (RFC 5322, 2.1.1).
const MAX_LINE: usize = 998;

/// Elements of HTML that people paste.
const HTML: &[&str] =
    &["<html", "<body", "<p>", "<br", "<div", "<pre", "<b>", "<i>", "</", "<a href", "<table", "<code>"];

/// No control characters, and nothing that reorders text.
pub(super) fn characters(document: &Document<'_>, found: &mut Vec<Finding>) {
    let shown = |text: &str| model::printable(&text.replace('\t', " ")) == text.replace('\t', " ");
    for line in document.body.iter().filter(|line| !shown(line.text)) {
        found.push(Finding::new(line.number, "a control character, or one that reorders text: escape it"));
    }
    for header in document.headers.iter().filter(|header| !shown(&header.value)) {
        found.push(Finding::new(header.line, "a control character in a header, or one that reorders text: remove it"));
    }
}

/// Prose keeps to 72 columns; commands, tables, logs, quotes and addresses do not break.
pub(super) fn columns(document: &Document<'_>, found: &mut Vec<Finding>) {
    for line in &document.body {
        if line.text.len() > MAX_LINE {
            found.push(Finding::new(
                line.number,
                format!("more than {MAX_LINE} bytes in a line: mail servers break it"),
            ));
        }
        let columns = line.text.chars().count();
        // One word cannot be broken: an address, a path.
        let text = line.text.trim_start_matches(['-', '*', ' ']);
        let is_one_word = !text.contains(' ') || text.contains("://");
        if line.kind == LineKind::Prose && columns > COLUMNS && !is_one_word {
            let message =
                format!("{columns} columns: wrap prose at {COLUMNS}; indent commands, tables and logs by two spaces");
            found.push(Finding::new(line.number, message));
        }
    }
}

/// An excerpt of the log is short.
pub(super) fn log_lines(document: &Document<'_>, found: &mut Vec<Finding>) {
    if let Some(line) = document.lines(LineKind::Log).nth(MAX_LINES) {
        let all = document.lines(LineKind::Log).count();
        let message = format!("{all} lines of log: keep the {MAX_LINES} that decide, and attach the rest");
        found.push(Finding::new(line.number, message));
    }
}

/// Neither Markdown nor HTML.
pub(super) fn markup(document: &Document<'_>, found: &mut Vec<Finding>) {
    for line in &document.body {
        let is_text = matches!(line.kind, LineKind::Prose | LineKind::Verbatim);
        if !is_text {
            continue;
        }
        let text = line.text.trim_start();
        let is_heading =
            line.kind == LineKind::Prose && text.trim_start_matches('#').starts_with(' ') && text.starts_with('#');
        let what = if text.starts_with("```") || text.starts_with("~~~") {
            "a Markdown fence: indent the lines instead"
        } else if line.kind == LineKind::Prose && is_paired(text, "**") {
            "Markdown emphasis (`**`): lists read plain text"
        } else if has_link(text) {
            "a Markdown link: write the address itself"
        } else if is_heading {
            "a Markdown heading: write a sentence"
        } else if is_html(text) {
            "HTML: lists read plain text"
        } else {
            continue;
        };
        found.push(Finding::new(line.number, what));
    }
}

/// Whether a line has an element of HTML.
pub(super) fn is_html(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    HTML.iter().any(|element| lower.contains(element))
}

fn is_paired(text: &str, mark: &str) -> bool {
    text.split_once(mark).and_then(|(_, rest)| rest.split_once(mark)).is_some_and(|(inner, _)| !inner.trim().is_empty())
}

/// `[text](address)`.
fn has_link(text: &str) -> bool {
    text.match_indices("](").any(|(at, _)| text[..at].contains('[') && text[at..].contains(')'))
}

/// An answer stands below what it quotes.
pub(super) fn top_posting(document: &Document<'_>, found: &mut Vec<Finding>) {
    if let Some(line) = document.body.iter().find(|line| line.text.contains("-----Original Message-----")) {
        found.push(Finding::new(line.number, "top-posting: quote the lines that you answer, and write below them"));
        return;
    }
    let is_text = |kind: LineKind| !matches!(kind, LineKind::Quote | LineKind::Empty | LineKind::Signature);
    let Some(first) = document.lines(LineKind::Quote).next() else { return };
    let has_answer = document.body.iter().any(|line| line.number > first.number && is_text(line.kind));
    if !has_answer {
        found.push(Finding::new(
            first.number,
            "top-posting: what is quoted stands below the text; write below the quote",
        ));
    }
}
