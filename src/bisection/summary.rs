//! An answer with commit names, for other programs.

use super::config::Subject;
use super::search::Search;
use crate::git::{Commit, CommitId};
use bisect::{Answer, Candidate, Counts, InvalidPremise};
use serde::Serialize;

/// A candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedCommit {
    /// The commit's full hash.
    pub commit: String,
    /// The probability that it is the culprit.
    pub probability: f64,
    /// The first line of its message.
    pub subject: String,
    /// Its author, as `Name <address>`.
    pub author: String,
}

/// An answer, as one JSON object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The culprit, if it is a single commit.
    pub culprit: Option<String>,
    /// The probability that it is the culprit; without one, that the culprit is among the candidates.
    pub probability: f64,
    /// The most probable commits, most probable first.
    pub candidates: Vec<RankedCommit>,
    /// Number of trials.
    pub trials: u32,
    /// Number of commits that were tried; each is built once.
    pub builds: usize,
    /// Duration of all builds and trials together.
    pub seconds: f64,
    /// Whether further trials of the culprit and of its parents agreed.
    pub confirmed: bool,
    /// Why the ends are not what they were said to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invalid_premise: Option<String>,
}

impl Summary {
    /// Of a search with this answer.
    pub fn new(search: &Search, answer: &Answer) -> Self {
        let ranked = |candidate: &Candidate| {
            let commit = search.commit(candidate.revision);
            RankedCommit {
                commit: commit.id.to_string(),
                probability: candidate.probability,
                subject: commit.subject.clone(),
                author: commit.author.clone(),
            }
        };
        let progress = search.progress();
        let mut summary = Self {
            culprit: None,
            probability: 0.0,
            candidates: Vec::new(),
            trials: progress.trials,
            builds: search.tried(),
            seconds: search.entries().iter().map(|entry| entry.seconds).sum(),
            confirmed: false,
            invalid_premise: None,
        };
        match answer {
            Answer::Culprit { commit, probability, confirmed, runners_up } => {
                let culprit = Candidate { revision: *commit, probability: *probability };
                summary.culprit = Some(search.commit(*commit).id.to_string());
                summary.candidates = std::iter::once(&culprit).chain(runners_up).map(ranked).collect();
                (summary.probability, summary.confirmed) = (*probability, *confirmed);
            }
            Answer::Set { candidates, probability, confirmed } => {
                summary.candidates = candidates.iter().map(ranked).collect();
                (summary.probability, summary.confirmed) = (*probability, *confirmed);
            }
            Answer::InvalidPremise { reason, bad, good } => {
                summary.invalid_premise = Some(explain(search, *reason, *bad, *good));
            }
        }
        summary
    }
}

/// Why the ends are not what they were said to be, with the numbers of trials.
fn explain(search: &Search, reason: InvalidPremise, bad: Counts, good: Counts) -> String {
    let config = search.config();
    let end = |commit: &Commit| format!("{} ({})", commit.id.short(), commit.subject);
    let new = search.commit(search.bisection().history().bad());
    let counted = |counts: Counts| format!("{} of {} trials", counts.hangs, counts.trials());
    match (reason, config.fix) {
        (InvalidPremise::GoodEndHangs, false) => {
            let old: Vec<&str> = config.old.iter().map(CommitId::short).collect();
            format!(
                "the good end {} is bad too: {} failed there, {} at the bad end; the culprit is older, or the trial does not \
                 distinguish the ends",
                old.join(", "),
                counted(good),
                counted(bad)
            )
        }
        (InvalidPremise::GoodEndHangs, true) => {
            let text = "the bad end passes as often as the good one";
            format!("{text}: {} passed there, {} at the good end", counted(good), counted(bad))
        }
        (InvalidPremise::BadEndPasses, false) => {
            format!("the bad end {} is good: {} failed there", end(new), counted(bad))
        }
        (InvalidPremise::BadEndPasses, true) => {
            format!("the good end {} still fails: {} passed there", end(new), counted(bad))
        }
        (InvalidPremise::OtherFailures(revision), _) => {
            let commit = search.commit(revision);
            let trials = search.trials_of(&commit.id);
            format!("{} fails, but with other failures only, in {trials} trials", end(commit))
        }
        (InvalidPremise::EndSkipped(revision), _) => {
            let why = match &config.subject {
                Subject::Command { .. } => "the command exits with 125 (skip)",
                Subject::Cell(_) => "it does not build or boot; its logs are in the session's folder",
            };
            format!("{} cannot be tried: {why}", end(search.commit(revision)))
        }
    }
}
