//! Commits.

use model::printable;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A commit's full hash, 40 or 64 hexadecimal digits; in lists, a value.
/// Without control characters: see [`printable`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommitId(#[serde(deserialize_with = "printable_text")] String);

impl CommitId {
    /// From git's output.
    pub fn new(hash: impl Into<String>) -> Self {
        Self(hash.into())
    }

    /// The full hash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The abbreviated hash, 12 digits (Linux, `Documentation/process/submitting-patches.rst`).
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A commit of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its hash.
    pub id: CommitId,
    /// Its parents, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<CommitId>,
    /// Its author, as `Name <address>`, without control characters: see [`printable`].
    #[serde(deserialize_with = "printable_text")]
    pub author: String,
    /// The author date, `2026-11-24`, without control characters.
    #[serde(deserialize_with = "printable_text")]
    pub date: String,
    /// The first line of its message, without control characters.
    #[serde(deserialize_with = "printable_text")]
    pub subject: String,
}

impl Commit {
    /// A line of `git log` with [`Commit::FORMAT`].
    pub(super) fn parse(record: &str) -> Option<Self> {
        let mut fields = record.split('\0').map(printable);
        let id = CommitId(fields.next()?);
        let parents = fields.next()?.split_whitespace().map(CommitId::new).collect();
        Some(Self { id, parents, author: fields.next()?, date: fields.next()?, subject: fields.next()? })
    }

    /// One commit per line, its fields separated by NUL.
    pub(super) const FORMAT: &'static str = "--format=%H%x00%P%x00%an <%ae>%x00%as%x00%s";
}

/// A session's folder may be another user's.
fn printable_text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|text| printable(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commit_is_parsed_from_git_log() {
        let line = "aa\0bb cc\0A <a@b>\x002026-11-24\0mm: x";
        let commit = Commit::parse(line).unwrap();
        assert_eq!((commit.id.as_str(), commit.parents.len(), commit.subject.as_str()), ("aa", 2, "mm: x"));
        assert_eq!(Commit::parse("aa\0bb"), None);
        let hostile = Commit::parse("aa\0\0A\x1b[2J <a@b>\x002026-11-24\0mm\u{9b}\u{202e}x").unwrap();
        assert_eq!((hostile.author.as_str(), hostile.subject.as_str()), ("A\u{fffd}[2J <a@b>", "mm\u{fffd}\u{fffd}x"));
        let raw = r#"{"id": "a\na", "parents": ["b\n"], "author": "A\u001b", "date": "2026\n", "subject": "mm\u009b"}"#;
        let read: Commit = serde_json::from_str(raw).unwrap();
        assert_eq!((read.id.as_str(), read.date.as_str()), ("a\u{fffd}a", "2026\u{fffd}"));
        assert_eq!(read.parents, [CommitId::new("b\u{fffd}")]);
        assert_eq!((read.author.as_str(), read.subject.as_str()), ("A\u{fffd}", "mm\u{fffd}"));
        assert_eq!(CommitId::new("0123456789abcdef").short(), "0123456789ab");
    }
}
