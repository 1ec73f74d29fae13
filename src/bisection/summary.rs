//! An answer with commit names, for other programs.

use super::premise;
use super::search::Search;
use bisect::{Answer, Candidate};
use serde::Serialize;
use std::path::Path;

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
    /// What to do then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Summary {
    /// Of a search with this answer, whose session is in `dir`.
    pub fn new(search: &Search, answer: &Answer, dir: &Path) -> Self {
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
            remedy: None,
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
            Answer::InvalidPremise { .. } => {
                summary.invalid_premise = premise::explain(search, answer);
                summary.remedy = premise::remedy(search, answer, dir);
            }
        }
        summary
    }
}
