//! Text in, entries or findings out.

use crate::diagnostic::{Diagnostic, Findings, Node, Place, Text, Value, parse, utf8};
use crate::matrix::fields::{Fields, items, text};
use crate::matrix::filter::Filter;
use crate::matrix::values::{self, VerdictError};
use model::{ExpectedVerdict, Outcome, Quarantine, Until, UntilError, is_url};

/// Keys of an entry.
pub(super) const KEYS: &[&str] = &["cells", "verdict", "title", "reason", "link", "until", "trials"];
/// Those that every entry has.
pub(super) const REQUIRED: &[&str] = &["cells", "reason", "link", "until"];
/// The maximum number of trials of a cell whose entry does not name one.
pub(super) const DEFAULT_TRIALS: u32 = 1;

/// How messages name an entry.
const ENTRY: &str = "an entry of a quarantine";

/// A quarantine file that is right by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineFile {
    pub(super) entries: Vec<Entry>,
}

/// An entry: known failures of some cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Place of `cells`.
    pub at: Place,
    /// Place of `until`.
    pub until_at: Place,
    pub cells: Filter,
    /// Maximum number of trials of a cell.
    pub trials: u32,
    pub known: Quarantine,
}

impl QuarantineFile {
    /// Reads a file; an empty one has no entries. `file_name` is for messages.
    ///
    /// # Errors
    /// Every error of the text, in its order.
    pub fn read(text: impl AsRef<[u8]>, file_name: &str) -> Result<Self, Vec<Diagnostic>> {
        let text = utf8(text.as_ref(), file_name)?;
        let mut findings = Findings::new(file_name, text);
        let entries = parse(text, &mut findings).map(|document| entries(document, file_name, &mut findings));
        findings.finish()?;
        Ok(Self { entries: entries.unwrap_or_default() })
    }
}

fn entries(document: Node, file: &str, findings: &mut Findings<'_>) -> Vec<Entry> {
    match document.value {
        Value::Null => Vec::new(),
        Value::List(nodes) => nodes.into_iter().filter_map(|node| Entry::read(node, file, findings)).collect(),
        other => {
            let message = format!("a quarantine is a list of entries, but this is {}", other.describe());
            findings.error(document.at, message).help("begin each entry with `- cells: `");
            Vec::new()
        }
    }
}

impl Entry {
    fn read(node: Node, file: &str, findings: &mut Findings<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, ENTRY, findings)?;
        let at = fields.at;
        let mut take = |key: &str| fields.take(key);
        let (cells, verdict, title) = (take("cells"), take("verdict"), take("title"));
        let (reason, link, until, trials) = (take("reason"), take("link"), take("until"), take("trials"));
        fields.reject_unknown(ENTRY, KEYS, findings);
        for (key, node) in REQUIRED.iter().zip([&cells, &reason, &link, &until]) {
            if node.is_none() {
                findings.error(at, format!("{ENTRY} lacks `{key}`"));
            }
        }
        let mut one = |node: Option<Node>, key: &str| {
            let text = text(node?, &format!("`{key}`"), findings)?;
            if text.value.trim().is_empty() {
                findings.error(text.at, format!("`{key}` is empty"));
                return None;
            }
            Some(text)
        };
        let (cells, title, reason) = (one(cells, "cells"), one(title, "title"), one(reason, "reason"));
        let (link, until, trials) = (one(link, "link"), one(until, "until"), one(trials, "trials"));
        let verdicts = verdict.map(|node| verdicts(node, findings)).unwrap_or_default();
        let trials = trials.map_or(Some(DEFAULT_TRIALS), |text| {
            values::repeat(&text.value).map_err(|error| findings.error(text.at, error.to_string())).ok()
        });
        let filter = cells.as_ref().and_then(|text| filter(text, findings));
        let link = link.and_then(|text| link_of(text, findings));
        let until_at = until.as_ref().map(|text| findings.place(text.at));
        let until = until.and_then(|text| until_of(&text, findings));
        Some(Self {
            at: findings.place(cells?.at),
            until_at: until_at?,
            cells: filter?,
            trials: trials?,
            known: Quarantine {
                place: format!("{file}:{}", at.line),
                verdicts,
                title: title.map(|text| text.value),
                reason: reason?.value.trim().to_owned(),
                link: link?,
                until: until?,
            },
        })
    }
}

fn filter(text: &Text, findings: &mut Findings<'_>) -> Option<Filter> {
    let place = expression_place(text, findings);
    Filter::parse_at(&text.value, place).map_err(|found| findings.extend(found)).ok()
}

/// The place of a text without the quotes around it.
fn expression_place(text: &Text, findings: &Findings<'_>) -> Place {
    let place = findings.place(text.at);
    let is_quoted = place.source_line.chars().nth(place.column as usize - 1).is_some_and(|c| "'\"".contains(c));
    let shift = u32::from(is_quoted && place.length > 2);
    Place { column: place.column + shift, length: place.length - 2 * shift, ..place }
}

fn verdicts(node: Node, findings: &mut Findings<'_>) -> Vec<ExpectedVerdict> {
    let at = node.at;
    let (_, nodes) = items(node);
    if nodes.is_empty() {
        findings.error(at, "`verdict` has no values here").help("without `verdict` the entry covers every failure");
    }
    let texts: Vec<Text> = nodes.into_iter().filter_map(|node| text(node, "a value of `verdict`", findings)).collect();
    texts.iter().filter_map(|text| verdict(text, findings)).collect()
}

fn verdict(text: &Text, findings: &mut Findings<'_>) -> Option<ExpectedVerdict> {
    match values::verdict(&text.value) {
        Ok(verdict) if verdict.outcome != Outcome::Pass => return Some(verdict),
        Ok(_) | Err(VerdictError::LabError) => {
            findings
                .error(text.at, format!("`{}` is no failure of the guest", text.value))
                .help("a quarantine is for failures; `expect` of the matrix says which verdict is expected");
        }
        Err(error) => {
            findings
                .error(text.at, error.to_string())
                .help("a verdict is an outcome, or an outcome and a kind: `hang/oom-livelock`")
                .label = error.suggestion();
        }
    }
    None
}

fn link_of(text: Text, findings: &mut Findings<'_>) -> Option<String> {
    let is_url = is_url(&text.value, &["https://", "http://"]);
    if !is_url {
        findings
            .error(text.at, "`link` is not the URL of a page")
            .help("write where the failure was reported: `https://lore.kernel.org/…`, or the URL of an issue");
    }
    is_url.then_some(text.value)
}

fn until_of(text: &Text, findings: &mut Findings<'_>) -> Option<Until> {
    let unknown = |error: UntilError| findings.error(text.at, error.to_string()).label = meant(&text.value);
    text.value.parse().map_err(unknown).ok()
}

/// The same with `linux-` in front of it, if that is a version.
fn meant(text: &str) -> Option<String> {
    let numbers = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let until: Until = format!("linux-{numbers}").parse().ok()?;
    Some(format!("did you mean `{until}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_file_has_no_entries() {
        for text in ["", "# nothing is known\n", "[]\n"] {
            assert_eq!(QuarantineFile::read(text, "q.yaml").unwrap().entries, []);
        }
    }

    #[test]
    fn entry_has_defaults() {
        let text = "- cells: arch=arm\n  reason: ' slow '\n  link: https://x.example/1\n  until: 2026-12-31\n";
        let file = QuarantineFile::read(text, "q.yaml").unwrap();
        let [entry] = file.entries.as_slice() else { panic!("{file:?}") };
        assert_eq!((entry.trials, entry.known.place.as_str(), entry.until_at.column), (DEFAULT_TRIALS, "q.yaml:1", 10));
        assert_eq!((entry.known.reason.as_str(), entry.known.failures().as_str()), ("slow", "any failure"));
    }
}
