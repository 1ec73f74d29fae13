//! Taking mappings and lists apart, with a finding for each node of another shape.

use crate::diagnostic::{Diagnostic, Findings, Node, Span, Text, Value, did_you_mean, listed};

/// The entries of a mapping that are not taken yet.
pub(super) struct Fields {
    /// Place of the mapping.
    pub at: Span,
    entries: Vec<(Text, Node)>,
}

impl Fields {
    /// The entries of `node`, each key once; `what` names the node in messages.
    pub fn of(node: Node, what: &str, findings: &mut Findings<'_>) -> Option<Self> {
        let Value::Map(all) = node.value else {
            let message = format!("{what} is a mapping, but this is {}", node.value.describe());
            findings.error(node.at, message);
            return None;
        };
        let mut entries: Vec<(Text, Node)> = Vec::new();
        for (key, value) in all {
            match entries.iter().find(|(earlier, _)| earlier.value == key.value) {
                Some((earlier, _)) => {
                    let line = earlier.at.line;
                    let message = format!("`{}` is given twice", key.value);
                    findings.error(key.at, message).label(format!("first on line {line}"));
                }
                None => entries.push((key, value)),
            }
        }
        // A block mapping has no token to point at: the place is that of its first key.
        let at = entries.first().filter(|_| node.at.length == 0).map_or(node.at, |(key, _)| key.at);
        Some(Self { at, entries })
    }

    /// The value of `key`.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let index = self.entries.iter().position(|(name, _)| name.value == key)?;
        Some(self.entries.remove(index).1)
    }

    /// The entries that are left.
    pub fn rest(self) -> Vec<(Text, Node)> {
        self.entries
    }

    /// Reports every entry that is left.
    pub fn reject_unknown(self, what: &str, known: &[&str], findings: &mut Findings<'_>) {
        for (key, _) in self.entries {
            unknown(findings, &key, format!("unknown key `{}` of {what}", key.value), known.iter().copied())
                .help(format!("{what} has {}", listed(known.iter().copied())));
        }
    }
}

/// Notes an unknown word, and which one was probably meant; the caller adds where to look.
pub(super) fn unknown<'f, 'k>(
    findings: &'f mut Findings<'_>,
    word: &Text,
    message: String,
    known: impl IntoIterator<Item = &'k str>,
) -> &'f mut Diagnostic {
    let suggestion = did_you_mean(&word.value, known);
    let found = findings.error(word.at, message);
    found.label = suggestion;
    found
}

/// A scalar's text.
pub(super) fn text(node: Node, what: &str, findings: &mut Findings<'_>) -> Option<Text> {
    match node.value {
        Value::Scalar(value) => Some(Text { at: node.at, value }),
        other => {
            findings.error(node.at, format!("{what} is a single value, but this is {}", other.describe()));
            None
        }
    }
}

/// The items of a list; anything else is a list of one. The first value is whether it was a list.
pub(super) fn items(node: Node) -> (bool, Vec<Node>) {
    match node.value {
        Value::List(items) => (true, items),
        value => (false, vec![Node { at: node.at, value }]),
    }
}

/// Words: a list of them as they are, or one text that is split as a shell does.
pub(super) fn words(node: Node, what: &str, findings: &mut Findings<'_>) -> Vec<String> {
    let (is_list, nodes) = items(node);
    let mut words = Vec::new();
    for text in nodes.into_iter().filter_map(|item| text(item, what, findings)).collect::<Vec<_>>() {
        if text.value.chars().any(char::is_control) {
            findings.error(text.at, format!("{what} must not have control characters"));
        } else if is_list {
            words.push(text.value);
        } else if let Some(split) = shlex::split(&text.value) {
            words.extend(split);
        } else {
            findings.error(text.at, format!("a quote in {what} is not closed"));
        }
    }
    words
}
