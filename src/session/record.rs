//! What a session's folder holds.

use crate::bisect::Settings;
use crate::git::CommitId;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of the format.
pub const SESSION_SCHEMA: u32 = 1;

/// `session.json`: what was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// [`SESSION_SCHEMA`].
    pub schema: u32,
    /// When it began, in UTC.
    pub started: String,
    /// The repository.
    pub repository: PathBuf,
    /// Commits without what is looked for: without the hang, or, of a fix, without the fix.
    pub old: Vec<CommitId>,
    /// The commit that has it.
    pub new: CommitId,
    /// Whether what is looked for is the commit that repaired it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fix: bool,
    /// The trial, for sh(1).
    pub command: String,
    /// Trials at a time.
    pub jobs: u32,
    /// Seconds after which a trial counts as one that hangs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<f64>,
    /// What the search assumes, and when it is content.
    pub settings: Settings,
}

/// How a trial ended, in the words of `git bisect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It failed.
    Bad,
    /// It passed.
    Good,
    /// It could not be tried.
    Skip,
    /// It failed in a way that is evidence for nothing: a signal ended it.
    Other,
}

impl Ended {
    /// What an exit status says (git-bisect(1), `run`): 0 good, 1–124 bad, 125 skip; 126 and 127 come from a shell that cannot run
    /// the command, and are no answer.
    pub const fn of(exit: i32) -> Option<Self> {
        match exit {
            0 => Some(Self::Good),
            1..=124 => Some(Self::Bad),
            125 => Some(Self::Skip),
            126 | 127 => None,
            _ => Some(Self::Other),
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Good => "good",
            Self::Skip => "skip",
            Self::Other => "other",
        }
    }
}

/// A line of `journal.jsonl`: one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it had ended, in UTC.
    pub at: String,
    /// What was tried.
    pub commit: CommitId,
    /// How it ended.
    pub ended: Ended,
    /// How long it took, in seconds, checking out included.
    pub seconds: f64,
    /// Its exit status; 124 where it was ended at its deadline, as timeout(1) says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// What it printed: the name of a file in `logs`.
    pub log: String,
    /// What it was for.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_statuses_mean_what_they_mean_to_git() {
        let ended: Vec<_> = [0, 1, 124, 125, 126, 127, 128, 137].into_iter().map(Ended::of).collect();
        let words: Vec<_> = ended.into_iter().map(|ended| ended.map_or("no answer", Ended::as_str)).collect();
        assert_eq!(words, ["good", "bad", "bad", "skip", "no answer", "no answer", "other", "other"]);
    }
}
