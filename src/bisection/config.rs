//! `session.json`: what a session searches for, and how.

use super::verdict::VerdictPattern;
use crate::git::CommitId;
use bisect::{Purpose, Settings};
use model::{Cell, StartWeight};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Version of the format. Version 1 had other names for some fields; they are read as aliases.
pub const SESSION_SCHEMA: u32 = 2;

/// What a session searches for, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionConfig {
    /// [`SESSION_SCHEMA`].
    pub schema: u32,
    /// Start time, in UTC.
    pub started: String,
    /// The repository, where revisions are commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<PathBuf>,
    /// Revisions without the change: without the failure, or without its fix.
    pub old: Vec<CommitId>,
    /// The revision with the change.
    pub new: CommitId,
    /// Whether the change is the fix of a failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fix: bool,
    /// What is tried.
    pub subject: Subject,
    /// Parallel trials.
    pub jobs: u32,
    /// Settings of the search, in which *bad* is a failure also in search of a fix.
    pub settings: Settings,
    /// The value before the first one of a list, as a request names it: not searched, but there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<String>,
    /// Runs in which the failure may have begun, oldest first: with them the search begins among their commits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<StartWeight>,
}

/// What is tried at each revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A command of the user's.
    Command {
        /// For sh(1).
        command: String,
        /// A trial that takes longer counts as bad, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_s: Option<f64>,
    },
    /// A cell.
    Cell(Box<CellSubject>),
}

/// A cell, and how it varies with the revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellSubject {
    /// The cell at the new end.
    pub cell: Cell,
    /// How it varies with the revision.
    #[serde(alias = "vary")]
    pub variation: Variation,
    /// Which failures count as bad.
    #[serde(alias = "bad")]
    pub criterion: BadCriterion,
}

/// How a cell varies with the revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variation {
    /// The kernel is built from the commit.
    Commit {
        /// Configuration fragments, by name or as files.
        config: Vec<String>,
    },
    /// Revisions are no commits: each has its own cell.
    Cells(BTreeMap<String, Cell>),
    /// Revisions are no commits: each has its own `.config`, with which the cell's kernel is built.
    Configs(BTreeMap<String, PathBuf>),
}

/// Which failures count as bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadCriterion {
    /// Failures of the same kind as the first one of the bad end.
    SameKind,
    /// Failures of the same kind and title.
    SameTitle,
    /// Failures with this verdict.
    Verdict(VerdictPattern),
    /// Any hang, crash, or failure to boot.
    Any,
    /// These, and a workload that failed or did not end: with too little RAM it cannot even start.
    NotPass,
}

impl SessionConfig {
    /// Whether revisions are values of a list instead of commits.
    pub fn is_list(&self) -> bool {
        matches!(&self.subject, Subject::Cell(subject) if !matches!(subject.variation, Variation::Commit { .. }))
    }

    /// So many revisions: `1 commit`, `3 values`.
    pub fn count(&self, number: usize) -> String {
        let unit = if self.is_list() { "value" } else { "commit" };
        format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
    }

    /// Whether either of the ends may be the failing one: the request names no bad end, and the search was not inverted.
    pub fn is_undirected(&self) -> bool {
        let is_cells = |subject: &CellSubject| matches!(subject.variation, Variation::Cells(_));
        !self.fix && matches!(&self.subject, Subject::Cell(subject) if is_cells(subject))
    }

    /// The purpose of a job. The engine searches for the change from old to new; in search of a fix, its bad end is the
    /// good end of the user, and an affected revision is a fixed one.
    pub fn describe_purpose(&self, purpose: Purpose) -> String {
        let percent = |share: f64| (100.0 * share).round();
        match purpose {
            _ if !self.fix => purpose.to_string(),
            Purpose::BadEnd => Purpose::GoodEnd.to_string(),
            Purpose::GoodEnd => Purpose::BadEnd.to_string(),
            Purpose::Split { .. } => purpose.to_string(),
            Purpose::Repeat { affected, p } => {
                format!("retest: P(fixed) {} %, pass rate {} %", percent(affected), percent(p))
            }
            Purpose::EstimateRate => "estimate the pass rate".to_owned(),
            Purpose::ConfirmCulprit => "confirm the fix".to_owned(),
            Purpose::ConfirmParent => "confirm the fix's parents".to_owned(),
        }
    }
}

impl Subject {
    /// In a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::Command { command, .. } => format!("`{command}`"),
            Self::Cell(subject) => {
                let Cell { arch, ram, vcpus, .. } = &subject.cell;
                let cpus = if *vcpus == 1 { String::new() } else { format!(", {vcpus} vCPUs") };
                format!("{} on {arch}, {ram}{cpus}", subject.cell.workload_name())
            }
        }
    }
}
