//! Typed observations in JSON: a tag, the figures, and the phrase for a person. Schema 1 stored the phrase alone.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Display;

/// An observation with its phrase, as JSON has it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Entry")]
pub struct Worded<'a, T> {
    #[serde(flatten)]
    item: &'a T,
    /// The phrase for a person; what the guest printed may stand in it.
    text: String,
}

impl<'a, T: Display> Worded<'a, T> {
    /// Each item with its phrase.
    pub fn all(items: &'a [T]) -> Vec<Self> {
        items.iter().map(|item| Self { item, text: item.to_string() }).collect()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stored<T> {
    Typed(T),
    Phrase(String),
}

/// For `#[serde(with)]`.
pub(super) fn serialize<T: Display + Serialize, S: Serializer>(items: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    Worded::all(items).serialize(serializer)
}

/// For `#[serde(with)]`.
pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de> + From<String>,
    D: Deserializer<'de>,
{
    let stored = Vec::<Stored<T>>::deserialize(deserializer)?;
    let item = |stored| match stored {
        Stored::Typed(item) => item,
        Stored::Phrase(phrase) => T::from(phrase),
    };
    Ok(stored.into_iter().map(item).collect())
}
