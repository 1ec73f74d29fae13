//! Commands to regzbot (Linux, `Documentation/process/handling-regressions.rst`), and tags of patches.

use super::Finding;
use super::document::{Document, LineKind, REGZBOT};

/// Tags that belong into a patch, or to the one who writes it.
const TAGS: &[&str] =
    &["Fixes:", "Closes:", "Reported-by:", "Signed-off-by:", "Tested-by:", "Reviewed-by:", "Acked-by:"];

/// Digits of a commit: 12 are unique in Linux (`Documentation/process/submitting-patches.rst`).
const MIN_DIGITS: usize = 12;

/// A regression says since when, in a paragraph of its own.
pub(super) fn command(document: &Document<'_>, found: &mut Vec<Finding>) {
    let commands: Vec<_> = document.lines(LineKind::Regzbot).collect();
    let introduced: Vec<_> = commands.iter().filter(|line| argument(line.text).is_some()).collect();
    let subject = document.header("Subject").next().map_or(1, |header| header.line);
    match (document.is_regression(), introduced.first()) {
        (true, None) => found.push(Finding::new(
            subject,
            "[REGRESSION] without `#regzbot introduced: COMMIT` (or `GOOD..BAD`): say since when, or remove the tag",
        )),
        (false, Some(line)) => found.push(Finding::new(
            line.number,
            "a command to regzbot, and no [REGRESSION] in the subject: add the tag, or remove the command",
        )),
        _ => {}
    }
    for line in &introduced {
        if let Some(problem) = argument(line.text).and_then(problem) {
            found.push(Finding::new(line.number, problem));
        }
    }
    for line in introduced.iter().skip(1) {
        found.push(Finding::new(line.number, "a second `introduced`: one mail is one regression"));
    }
    for paragraph in document.paragraphs() {
        let has = |kind: LineKind| paragraph.iter().any(|line| line.kind == kind);
        let is_mixed = has(LineKind::Regzbot) && paragraph.iter().any(|line| line.kind != LineKind::Regzbot);
        if let Some(line) = paragraph.iter().find(|line| is_mixed && line.kind == LineKind::Regzbot) {
            found.push(Finding::new(line.number, "regzbot reads a paragraph of its own: put empty lines around it"));
        }
    }
    let inside = document.body.iter().filter(|line| line.kind != LineKind::Regzbot);
    for line in inside.filter(|line| line.text.trim_start().starts_with(REGZBOT) && line.kind == LineKind::Verbatim) {
        found.push(Finding::new(line.number, "an indented command: regzbot reads it at the start of a line"));
    }
}

/// What follows `introduced`; `None` for other commands.
fn argument(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(REGZBOT)?.trim_start();
    rest.strip_prefix("introduced").or_else(|| rest.strip_prefix("^introduced").map(|_| "^"))
}

fn problem(argument: &str) -> Option<String> {
    if argument == "^" {
        return Some("`^introduced` is for an answer to a report: write `introduced` in the report itself".to_owned());
    }
    let value = argument.strip_prefix(':').unwrap_or(argument).trim();
    let ends: Vec<&str> = value.split("..").collect();
    let is_fine = match &ends[..] {
        [one] => is_commit(one),
        [good, bad] => is_revision(good) && is_revision(bad) && good != bad,
        _ => false,
    };
    let wanted = format!("a commit of at least {MIN_DIGITS} hexadecimal digits, or GOOD..BAD");
    (!is_fine).then(|| format!("`introduced` takes {wanted}"))
}

fn is_revision(text: &str) -> bool {
    let version = text.strip_prefix('v').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
    });
    let next = text
        .strip_prefix("next-")
        .is_some_and(|date| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()));
    version || next || is_commit(text)
}

fn is_commit(text: &str) -> bool {
    (MIN_DIGITS..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A report has no tags of a patch: tools collect them from answers.
pub(super) fn tags(document: &Document<'_>, found: &mut Vec<Finding>) {
    for line in document.lines(LineKind::Prose) {
        if let Some(tag) = TAGS.iter().find(|tag| line.text.starts_with(**tag)) {
            let message = format!("`{tag}` begins a line: it belongs into the patch; say it within a sentence");
            found.push(Finding::new(line.number, message));
        }
    }
}
