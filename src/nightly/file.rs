//! The shape of a configuration, before its words are read.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use std::fmt;

/// Keys of a configuration.
#[cfg(test)]
pub(super) const KEYS: &[&str] =
    &["matrices", "quarantine", "before", "budget", "decide", "bisect", "runs", "pages", "retention", "hook"];

/// A configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub matrices: OneOrMore,
    #[serde(default)]
    pub quarantine: OneOrMore,
    pub before: Option<CommandFile>,
    pub budget: Option<String>,
    pub decide: Option<String>,
    pub bisect: Option<String>,
    pub runs: Option<String>,
    pub pages: Option<String>,
    #[serde(default)]
    pub retention: RetentionFile,
    pub hook: Option<CommandFile>,
}

/// `retention`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetentionFile {
    pub thin: Option<String>,
    pub evidence: Option<String>,
}

/// A command: a text, or a mapping with its timeout.
#[derive(Debug)]
pub(super) struct CommandFile {
    pub command: String,
    pub timeout: Option<String>,
}

/// A list of texts, or one text.
#[derive(Debug, Default)]
pub(super) struct OneOrMore {
    pub items: Vec<String>,
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrMore;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path or a list of paths")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore { items: vec![text.to_owned()] })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMore, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(OneOrMore { items })
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

impl<'de> Deserialize<'de> for CommandFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            command: String,
            timeout: Option<String>,
        }
        struct Command;
        impl<'de> Visitor<'de> for Command {
            type Value = CommandFile;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command, or `command` and `timeout`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<CommandFile, E> {
                Ok(CommandFile { command: text.to_owned(), timeout: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CommandFile, A::Error> {
                let Fields { command, timeout } = Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(CommandFile { command, timeout })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<CommandFile, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Err(A::Error::custom("a command is one text for sh: join several with `&&`"))
            }
        }
        deserializer.deserialize_any(Command)
    }
}
