//! A line of `journal.jsonl`.

use crate::git::CommitId;
use serde::{Deserialize, Serialize};

/// The result of a build or a trial, in the words of `git bisect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialResult {
    /// It failed.
    Bad,
    /// It passed.
    Good,
    /// The revision cannot be tried.
    Skip,
    /// It failed in a way that is evidence for neither side: killed by a signal, or another failure.
    Other,
    /// A build succeeded.
    Built,
}

impl TrialResult {
    /// The meaning of an exit status (git-bisect(1), `run`): 0 good, 1–124 bad, 125 skip. 126 and 127 are from a shell
    /// that cannot run the command: no result.
    pub const fn from_exit(exit: i32) -> Option<Self> {
        match exit {
            0 => Some(Self::Good),
            1..=124 => Some(Self::Bad),
            125 => Some(Self::Skip),
            126 | 127 => None,
            _ => Some(Self::Other),
        }
    }

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Good => "good",
            Self::Skip => "skip",
            Self::Other => "other",
            Self::Built => "built",
        }
    }
}

/// A finished build or trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// End time, in UTC.
    pub at: String,
    /// The revision.
    pub commit: CommitId,
    /// The result.
    #[serde(alias = "ended")]
    pub result: TrialResult,
    /// Duration in seconds, with the checkout.
    pub seconds: f64,
    /// Exit status of a command; 124 after its timeout, as of timeout(1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Verdict on a cell, `hang/oom-livelock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Title of the verdict, the same from boot to boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Output of the job: a path below the session's folder.
    pub log: String,
    /// The purpose of the job.
    #[serde(alias = "why")]
    pub purpose: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_statuses_mean_what_they_mean_to_git() {
        let results = [0, 1, 124, 125, 126, 127, 128, 137].map(TrialResult::from_exit);
        let words = results.map(|result| result.map_or("no result", TrialResult::as_str));
        assert_eq!(words, ["good", "bad", "bad", "skip", "no result", "no result", "other", "other"]);
    }

    #[test]
    fn entry_of_schema_1_is_read() {
        let line =
            r#"{"at":"x","commit":"a","ended":"bad","seconds":1.0,"exit":1,"log":"logs/a","why":"splits 50/50"}"#;
        let entry: JournalEntry = serde_json::from_str(line).unwrap();
        assert_eq!((entry.result, entry.purpose.as_str()), (TrialResult::Bad, "splits 50/50"));
    }
}
