//! A description in YAML that a type reads, and findings about its content at their places.

use super::finding::Diagnostic;
use super::source::{Findings, Span};
use super::suggest::{closest, listed};
use super::yaml::{self, Node, Value};
use serde::de::DeserializeOwned;
use serde_yaml::Error;

/// A step from a node to one below it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'p> {
    /// A key of a mapping.
    Key(&'p str),
    /// An item of a list, from 0.
    Item(usize),
}

/// A description, as far as findings need it: where everything is.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    tree: Node,
    findings: Findings<'a>,
}

impl<'a> Document<'a> {
    /// Reads the content of a text; `file` names it in findings.
    ///
    /// # Errors
    /// When it is no YAML, or not of this type.
    pub fn read<T: DeserializeOwned>(file: &'a str, text: &'a str) -> Result<(T, Self), Vec<Diagnostic>> {
        let mut findings = Findings::new(file, text);
        let Some(tree) = yaml::parse(text, &mut findings) else { return Err(findings.into_list()) };
        match serde_yaml::from_str(text) {
            Ok(content) => Ok((content, Self { tree, findings })),
            Err(error) => {
                refuse(&error, &tree, &mut findings);
                Err(findings.into_list())
            }
        }
    }

    /// Notes an error at the value that `path` leads to, or as near to it as there is something; the caller may add to it.
    pub fn wrong(&mut self, path: &[Step<'_>], message: impl Into<String>) -> &mut Diagnostic {
        let at = place(&self.tree, path);
        self.findings.error(at, message)
    }

    /// Notes the errors of another text that this one names.
    pub fn extend(&mut self, others: Vec<Diagnostic>) {
        self.findings.extend(others);
    }

    /// Ends the checks.
    ///
    /// # Errors
    /// Everything that was noted.
    pub fn finish(self) -> Result<(), Vec<Diagnostic>> {
        self.findings.finish().map(drop)
    }
}

/// Notes what the type did not take.
fn refuse(error: &Error, tree: &Node, findings: &mut Findings<'_>) {
    let at = error.location().map(yaml::span).filter(|at| at.line > 0).unwrap_or(place(tree, &[]));
    let error = error.without_snippet();
    let (word, message, known) = match error {
        Error::SerdeUnknownField { field, expected, .. } => (field, format!("unknown key `{field}`"), expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            (variant, format!("unknown word `{variant}`"), expected)
        }
        Error::SerdeMissingField { field, .. } => {
            findings.error(start_of(tree, at).unwrap_or(at), format!("`{field}` is missing"));
            return;
        }
        _ => {
            other(at, &yaml::describe(error), findings);
            return;
        }
    };
    let found = findings.error(Span { length: length(word), ..at }, message);
    suggest(found, word, known.iter().copied());
}

/// Notes an error of a value's own type, as "unknown thing `x`; known: a, b" with a suggestion.
fn other(at: Span, message: &str, findings: &mut Findings<'_>) {
    let word = message.split('`').nth(1).unwrap_or_default();
    let at = Span { length: at.length.max(length(word)), ..at };
    match message.split_once("; known: ") {
        Some((message, known)) => suggest(findings.error(at, message), word, known.split(", ")),
        None => {
            findings.error(at, message);
        }
    }
}

/// The first key of the mapping that has a key at this place: a missing key is noticed at the last one.
fn start_of(node: &Node, at: Span) -> Option<Span> {
    match &node.value {
        Value::Map(entries) => match entries.first() {
            Some((first, _)) if entries.iter().any(|(key, _)| (key.at.line, key.at.column) == (at.line, at.column)) => {
                Some(first.at)
            }
            _ => entries.iter().find_map(|(_, below)| start_of(below, at)),
        },
        Value::List(items) => items.iter().find_map(|item| start_of(item, at)),
        Value::Null | Value::Scalar(_) => None,
    }
}

fn suggest<'k>(found: &mut Diagnostic, word: &str, known: impl Iterator<Item = &'k str> + Clone) {
    match closest(word, known.clone()) {
        Some(meant) => found.label(format!("did you mean `{meant}`?")),
        None => found.help(format!("there are {}", listed(known))),
    };
}

fn length(word: &str) -> u32 {
    u32::try_from(word.chars().count()).unwrap_or(u32::MAX)
}

/// The place of a single value, and of the key of any other: a block has no token to point at.
fn place(tree: &Node, path: &[Step<'_>]) -> Span {
    let first_key = match &tree.value {
        Value::Map(entries) => entries.first().map(|(key, _)| key.at),
        _ => None,
    };
    let (mut node, mut at) = (tree, first_key.unwrap_or(tree.at));
    for step in path {
        let (key, below) = match (step, &node.value) {
            (Step::Key(name), Value::Map(entries)) => match entries.iter().find(|(key, _)| key.value == *name) {
                Some((key, value)) => (key.at, value),
                None => break,
            },
            (Step::Item(index), Value::List(items)) => match items.get(*index) {
                Some(item) => (at, item),
                None => break,
            },
            _ => break,
        };
        at = if matches!(below.value, Value::Scalar(_)) { below.at } else { key };
        node = below;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        #[serde(rename = "name")]
        _name: String,
        #[serde(default, rename = "kind")]
        _kind: Option<Kind>,
        #[serde(default, rename = "build")]
        _build: BTreeMap<arch::Arch, Vec<String>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        Source,
        Binary,
    }

    fn refused(text: &str) -> String {
        let found = Document::read::<Thing>("t.yaml", text).map(|(thing, _)| format!("{thing:?}")).unwrap_err();
        found.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn wrong_types_have_place_and_suggestion() {
        assert_eq!(
            refused("name: a\nbiuld: {}\n"),
            "error: unknown key `biuld`\n  ╭─ t.yaml:2:1\n2 │ biuld: {}\n  ╰ ───── did you mean `build`?"
        );
        assert_eq!(
            refused("name: a\nkind: sourc\n"),
            "error: unknown word `sourc`\n  ╭─ t.yaml:2:7\n2 │ kind: sourc\n  ╰       ───── did you mean `source`?"
        );
        assert_eq!(
            refused("name: a\nbuild: {armm: []}\n"),
            "error: unknown architecture `armm`\n  ╭─ t.yaml:2:9\n2 │ build: {armm: []}\n  ╰         ──── did you mean `arm`?"
        );
        assert!(refused("kind: source\nbuild: {}\n").starts_with("error: `name` is missing\n  ╭─ t.yaml:1:1\n"));
        assert!(refused("name: a\nbuild: [x]\n").contains("╭─ t.yaml:2:8\n"));
        assert!(refused("name: [\n").contains("fix this first"));
    }

    #[test]
    fn findings_are_at_the_nearest_place() {
        let text = "name: a\nbuild:\n  arm: [x, 'yy']\n";
        let (_, mut document) = Document::read::<Thing>("t.yaml", text).unwrap();
        let (build, arm) = (Step::Key("build"), Step::Key("arm"));
        for path in [&[build, arm, Step::Item(1)][..], &[build, arm, Step::Item(9)], &[build], &[Step::Key("no")]] {
            document.wrong(path, format!("{path:?}"));
        }
        let found = document.finish().unwrap_err();
        let places: Vec<_> = found.iter().filter_map(|one| one.place.as_ref()).map(|at| (at.line, at.column)).collect();
        assert_eq!(places, [(1, 1), (2, 1), (3, 3), (3, 12)]);
    }
}
