//! What a session's folder holds.

use crate::git::CommitId;
use bisect::{Settings, Why};
use model::Cell;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
    /// The repository, where revisions are commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<PathBuf>,
    /// Commits without what is looked for: without the hang, or, of a fix, without the fix.
    pub old: Vec<CommitId>,
    /// The commit that has it.
    pub new: CommitId,
    /// Whether what is looked for is the commit that repaired it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fix: bool,
    /// What is tried.
    pub subject: Subject,
    /// Trials at a time.
    pub jobs: u32,
    /// What the search assumes, and when it is content.
    pub settings: Settings,
}

/// What is tried on each revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A command of the user's.
    Command {
        /// For sh(1).
        command: String,
        /// Seconds after which a trial counts as bad.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_s: Option<f64>,
    },
    /// A cell of the lab's.
    Cell(Box<CellSubject>),
}

/// A cell, and what of it changes from revision to revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellSubject {
    /// The cell; what changes is that of the new end.
    pub cell: Cell,
    /// What changes.
    pub vary: Vary,
    /// What counts as bad.
    pub bad: Bad,
}

/// What changes from revision to revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vary {
    /// The kernel is built from the commit.
    Commit {
        /// Configuration fragments, by name or as files.
        config: Vec<String>,
    },
    /// Revisions are no commits: each names a cell of its own.
    Cells(BTreeMap<String, Cell>),
    /// Nor are these: each names a `.config` with which the cell's kernel is built.
    Configs(BTreeMap<String, PathBuf>),
}

/// What counts as bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bad {
    /// A failure of the kind that the first failing trial of the bad end has.
    SameKind,
    /// A failure of the same title, too.
    SameTitle,
    /// This verdict, `hang/oom-livelock`.
    Verdict(String),
    /// Any hang, crash, or failure to boot.
    Any,
}

impl Head {
    /// Whether revisions are values of a list, and no commits.
    pub fn is_list(&self) -> bool {
        matches!(&self.subject, Subject::Cell(subject) if !matches!(subject.vary, Vary::Commit { .. }))
    }

    /// What revisions are called.
    pub fn units(&self) -> &'static str {
        if self.is_list() { "values" } else { "commits" }
    }

    /// What a job is for, in words that fit what is looked for.
    pub fn what_for(&self, why: Why) -> String {
        let percent = |share: f64| (100.0 * share).round();
        let (ends, sign) = if self.fix { (["passes", "fails"], "pass") } else { (["fails", "does not fail"], "fail") };
        match why {
            Why::BadEnd => format!("shows that the last {}", ends[0]),
            Why::GoodEnd => format!("shows that the first {}", ends[1]),
            Why::Again { affected, p } => {
                format!("again: has it with {} %, and {} % of such trials {sign}", percent(affected), percent(p))
            }
            Why::Rate => format!("learns how often trials {sign}"),
            other => other.to_string(),
        }
    }
}

impl Subject {
    /// In a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Command { command, .. } => format!("`{command}`"),
            Self::Cell(subject) => subject.words(),
        }
    }
}

impl CellSubject {
    fn words(&self) -> String {
        let Cell { arch, ram, vcpus, .. } = &self.cell;
        let cpus = if *vcpus == 1 { String::new() } else { format!(", {vcpus} vCPUs") };
        format!("{} on {arch}, {ram}{cpus}", self.cell.workload_name())
    }
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
    /// It failed in a way that is evidence for nothing: a signal ended it, or the failure is another one.
    Other,
    /// It was no trial: the revision was built.
    Built,
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
            Self::Built => "built",
        }
    }
}

/// A line of `journal.jsonl`: one trial, or one build.
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
    /// The lab's verdict, `hang/oom-livelock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Its title, the same from boot to boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it left behind: a path below the session's folder.
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
