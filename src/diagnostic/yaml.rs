//! YAML text → a tree in which every scalar is text and every node knows its place.
//!
//! YAML guesses types: `6.10` is a number to it, equal to `6.1`. The lab means the text, so scalars are taken as
//! typed. They are read into a tree: a derived type would stop at the first wrong field, and all errors of a file are
//! reported at once.

use super::source::{At, Findings, Span, Text};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::DuplicateKeyPolicy;
use serde_yaml::{Location, Spanned};
use std::fmt;

/// A node with its place.
pub(crate) type Node = At<Value>;

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing, or `null` or `~`.
    Null,
    /// A scalar as typed, without quotes.
    Scalar(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in its order; keys may repeat.
    Map(Vec<(Text, Node)>),
}

impl Value {
    /// What it is, for messages.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads one YAML document; a syntax error becomes a finding.
pub(crate) fn parse(text: &str, findings: &mut Findings<'_>) -> Option<Node> {
    // Ample for a matrix; an alias bomb is refused cheaply.
    let options = serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
        budget: serde_yaml::budget! {
            max_depth: 32,
            max_nodes: 200_000,
            max_events: 400_000,
            max_documents: 2,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 32,
        },
    };
    match serde_yaml::from_str_with_options::<Spanned<Loose>>(text, options) {
        Ok(loose) => Some(settle(loose, text)),
        Err(error) => {
            let at = error.location().map(span).unwrap_or_default();
            findings.error(at, describe(&error)).help("nothing from here on was read: fix this first");
            None
        }
    }
}

/// The parser's message in one line, without the place, which the finding has.
pub(super) fn describe(error: &serde_yaml::Error) -> String {
    let message = error.without_snippet().to_string();
    let line = message.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or(line);
    line.trim_start_matches("error: ").to_owned()
}

/// A node whose scalars may still lack their text.
enum Loose {
    Null,
    /// A scalar that YAML took for a number or a truth value: its text must be fetched from the source.
    Typed(String),
    Text(String),
    List(Vec<Spanned<Loose>>),
    Map(Vec<(Spanned<String>, Spanned<Loose>)>),
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

macro_rules! typed {
    ($($method:ident: $type:ty),+ $(,)?) => {
        $(fn $method<E>(self, value: $type) -> Result<Loose, E> { Ok(Loose::Typed(value.to_string())) })+
    };
}

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a mapping")
    }

    typed!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128, visit_f64: f64);

    fn visit_str<E>(self, value: &str) -> Result<Loose, E> {
        Ok(Loose::Text(value.to_owned()))
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Loose, E> {
        Err(E::custom("binary data has no meaning here"))
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Null)
    }

    fn visit_none<E>(self) -> Result<Loose, E> {
        Ok(Loose::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Loose, D::Error> {
        Loose::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Loose::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Loose, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            if key.value.is_empty() {
                return Err(A::Error::custom("a key is empty"));
            }
            map.push((key, entries.next_value()?));
        }
        Ok(Loose::Map(map))
    }
}

fn settle(loose: Spanned<Loose>, source: &str) -> Node {
    let value = match loose.value {
        Loose::Null => Value::Null,
        Loose::Text(text) => Value::Scalar(text),
        Loose::Typed(parsed) => Value::Scalar(typed_text(loose.defined, source).unwrap_or(parsed)),
        Loose::List(items) => Value::List(items.into_iter().map(|item| settle(item, source)).collect()),
        Loose::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| (At { at: span(key.referenced), value: key.value }, settle(value, source)))
                .collect(),
        ),
    };
    At { at: span(loose.referenced), value }
}

/// What the user typed for a scalar that YAML took for a number or a truth value.
fn typed_text(place: Location, source: &str) -> Option<String> {
    let from = usize::try_from(place.span().byte_offset()?).ok()?;
    let length = usize::try_from(place.span().byte_len()?).ok()?;
    let text = source.get(from..from.checked_add(length)?)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

pub(super) fn span(place: Location) -> Span {
    let narrow = |wide: u64| u32::try_from(wide).unwrap_or(u32::MAX);
    Span { line: narrow(place.line()), column: narrow(place.column()), length: narrow(place.span().len()) }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Diagnostic;
    use super::*;

    fn read(text: &str) -> Result<Node, Vec<Diagnostic>> {
        let mut findings = Findings::new("m.yaml", text);
        let node = parse(text, &mut findings);
        node.ok_or_else(|| findings.finish().unwrap_err())
    }

    fn scalars(node: &Node, out: &mut Vec<String>) {
        match &node.value {
            Value::Null => out.push("null".to_owned()),
            Value::Scalar(text) => out.push(text.clone()),
            Value::List(items) => items.iter().for_each(|item| scalars(item, out)),
            Value::Map(entries) => entries.iter().for_each(|(key, value)| {
                out.push(key.value.clone());
                scalars(value, out);
            }),
        }
    }

    #[test]
    fn scalars_stay_as_they_were_typed() {
        let mut out = Vec::new();
        let text =
            "6.10: [6.10, 0x10, 1_000, yes, true, ~, '007', 1e3, 99999999999999999999999999]\nb: &x 5.0\nc: *x\n";
        scalars(&read(text).unwrap(), &mut out);
        let all = "6.10 6.10 0x10 1_000 yes true null 007 1e3 99999999999999999999999999 b 5.0 c 5.0";
        assert_eq!(out.join(" "), all);
    }

    #[test]
    fn places_and_repeated_keys_are_kept() {
        let node = read("a: 1\nbé: {c: [x, yy]}\na: 2\n").unwrap();
        let Value::Map(entries) = &node.value else { panic!("{node:?}") };
        assert_eq!(entries.iter().map(|(key, _)| key.value.as_str()).collect::<Vec<_>>(), ["a", "bé", "a"]);
        let Value::Map(inner) = &entries[1].1.value else { panic!("{node:?}") };
        assert_eq!(inner[0].0.at, Span { line: 2, column: 6, length: 1 });
        let Value::List(items) = &inner[0].1.value else { panic!("{node:?}") };
        assert_eq!(items[1].at, Span { line: 2, column: 13, length: 2 });
    }

    #[test]
    fn byte_order_mark_and_crlf_are_read() {
        for text in ["\u{feff}a: 6.10\r\nb: x\r\n", "%YAML 1.2\n---\na: 6.10\nb: x\n...\n"] {
            let mut out = Vec::new();
            scalars(&read(text).unwrap(), &mut out);
            assert_eq!(out.join(" "), "a 6.10 b x");
        }
    }

    #[test]
    fn syntax_errors_have_their_place() {
        for text in
            ["a: [1, 2\nb: 3\n", "a: b: c\n", "a:\n\tb: 1\n", "a: *nowhere\n", "? [x]\n: y\n", "a: 1\n---\nb: 2\n"]
        {
            let shown = read(text).unwrap_err()[0].to_string();
            assert!(shown.starts_with("error: ") && shown.contains("╭─ m.yaml:"), "{shown}");
        }
    }

    #[test]
    fn alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}, ", level - 1).repeat(9);
            text.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        assert!(read(&text).is_err());
        assert!(read(&format!("a: {}{}", "[".repeat(5000), "]".repeat(5000))).is_err());
    }
}
