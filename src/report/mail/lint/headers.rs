//! Recipients, subject and type.

use super::super::recipients::{REGRESSIONS, STABLE};
use super::super::release::{Line, line};
use super::Finding;
use super::document::{Document, LineKind};

/// Characters of a subject beyond which archives cut it.
const MAX_SUBJECT: usize = 120;

/// There is a recipient, and a regression goes to its lists.
pub(super) fn recipients(document: &Document<'_>, found: &mut Vec<Finding>) {
    let has_address = |name: &str| document.header(name).any(|header| header.value.contains('@'));
    if !has_address("To") {
        found.push(Finding::new(1, "no `To` with an address; `oomlab report mail` fills it in"));
    }
    let all = ["To", "Cc"].into_iter().flat_map(|name| document.header(name));
    let all: Vec<_> = all.collect();
    let has = |address: &str| all.iter().any(|header| header.value.to_ascii_lowercase().contains(address));
    let subject = document.header("Subject").next().map_or(1, |header| header.line);
    if document.is_regression() {
        if !has(REGRESSIONS) {
            found.push(Finding::new(subject, format!("a regression goes to {REGRESSIONS}, too: add it to `Cc`")));
        }
        if is_stable(document) && !has(STABLE) {
            found.push(Finding::new(subject, format!("the kernel is of a stable series: add {STABLE} to `Cc`")));
        }
    } else if let Some(header) = all.iter().find(|header| header.value.contains(STABLE)) {
        let message =
            format!("{STABLE} is for regressions of a stable series: mark the subject [REGRESSION], or remove it");
        found.push(Finding::new(header.line, message));
    }
}

/// Whether the line `Kernel:` names a release of a stable series.
fn is_stable(document: &Document<'_>) -> bool {
    let kernels = document.lines(LineKind::Prose).filter_map(|line| line.text.strip_prefix("Kernel:"));
    let mut releases = kernels.map(|rest| rest.trim().split([' ', ',']).next().unwrap_or_default());
    releases.any(|release| line(release) == Line::Stable)
}

/// There is one subject, on one line.
pub(super) fn subject(document: &Document<'_>, found: &mut Vec<Finding>) {
    let subjects: Vec<_> = document.header("Subject").collect();
    match &subjects[..] {
        [] => found.push(Finding::new(1, "no `Subject`")),
        [one] if one.value.trim_start_matches("[REGRESSION]").trim().is_empty() => {
            found.push(Finding::new(one.line, "the subject is empty: name the subsystem and what happens"));
        }
        [one] if one.value.chars().count() > MAX_SUBJECT => {
            let message = format!("the subject has more than {MAX_SUBJECT} characters: say the rest in the text");
            found.push(Finding::new(one.line, message));
        }
        [_] => {}
        [_, second, ..] => found.push(Finding::new(second.line, "a second `Subject`: remove one")),
    }
}

/// It is plain text.
pub(super) fn content_type(document: &Document<'_>, found: &mut Vec<Finding>) {
    for header in document.header("Content-Type") {
        let value = header.value.to_ascii_lowercase();
        if value.contains("html") || value.contains("alternative") {
            found.push(Finding::new(header.line, "lists drop HTML: send `text/plain` alone"));
        }
    }
}
