//! An answer in terms of commits.

use super::record::Subject;
use super::search::Search;
use crate::git::Commit;
use bisect::{Answer, Candidate, Counts, Wrong};
use serde::Serialize;

/// A commit and how probable it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    /// The commit's full name.
    pub commit: String,
    /// The probability that it is the culprit.
    pub probability: f64,
    /// The first line of its message.
    pub subject: String,
    /// Its author, as `Name <address>`.
    pub author: String,
}

/// An answer as one JSON object, for other programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The one commit, if there is one.
    pub culprit: Option<String>,
    /// The probability that it is the culprit; without one, that it is among the candidates.
    pub probability: f64,
    /// The most probable commits, most probable first.
    pub candidates: Vec<Named>,
    /// Number of trials.
    pub trials: u32,
    /// Number of commits that were tried: each is built once.
    pub builds: usize,
    /// Seconds that all of them took together.
    pub seconds: f64,
    /// Whether culprit and parents were tried once more, and agreed.
    pub confirmed: bool,
    /// What is wrong with what the user said of the ends, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
}

impl Summary {
    /// Of a search that has come to this answer.
    pub fn new(search: &Search, answer: &Answer) -> Self {
        let named = |candidate: &Candidate| {
            let commit = search.commit(candidate.revision);
            Named {
                commit: commit.id.to_string(),
                probability: candidate.probability,
                subject: commit.subject.clone(),
                author: commit.author.clone(),
            }
        };
        let standing = search.standing();
        let mut summary = Self {
            culprit: None,
            probability: 0.0,
            candidates: Vec::new(),
            trials: standing.trials,
            builds: search.tried(),
            seconds: search.entries().iter().map(|entry| entry.seconds).sum(),
            confirmed: false,
            wrong: None,
        };
        match answer {
            Answer::Culprit { commit, probability, confirmed, runners_up } => {
                let culprit = Candidate { revision: *commit, probability: *probability };
                summary.culprit = Some(search.commit(*commit).id.to_string());
                summary.candidates = std::iter::once(&culprit).chain(runners_up).map(named).collect();
                (summary.probability, summary.confirmed) = (*probability, *confirmed);
            }
            Answer::Set { candidates, probability, confirmed } => {
                summary.candidates = candidates.iter().map(named).collect();
                (summary.probability, summary.confirmed) = (*probability, *confirmed);
            }
            Answer::Premise { wrong, bad, good } => summary.wrong = Some(explain(search, *wrong, *bad, *good)),
        }
        summary
    }
}

/// What is wrong with the ends, in words and counts.
fn explain(search: &Search, wrong: Wrong, bad: Counts, good: Counts) -> String {
    let head = search.head();
    let end = |commit: &Commit| format!("{} ({})", commit.id.short(), commit.subject);
    let new = search.commit(search.bisection().history().bad());
    let counted = |counts: Counts| format!("{} of {}", counts.hangs, counts.hangs + counts.passes + counts.others);
    match (wrong, head.fix) {
        (Wrong::GoodEndHangs, false) => {
            let olds: Vec<&str> = head.old.iter().map(crate::git::CommitId::short).collect();
            format!(
                "the good end {} is bad, too: {} trials failed there, {} at the bad end. What was looked for is older, or the \
                 command does not tell the two apart",
                olds.join(", "),
                counted(good),
                counted(bad)
            )
        }
        (Wrong::GoodEndHangs, true) => {
            let text = "the end that should not be repaired yet passes as often as the repaired one";
            format!("{text}: {} trials passed there, {} at the other", counted(good), counted(bad))
        }
        (Wrong::BadEndPasses, false) => {
            format!("the bad end {} is good: {} trials failed there", end(new), counted(bad))
        }
        (Wrong::BadEndPasses, true) => {
            format!("the end that should be repaired, {}, still fails: {} trials passed there", end(new), counted(bad))
        }
        (Wrong::OtherFailures(revision), _) => {
            let commit = search.commit(revision);
            format!(
                "{} fails, but always in another way, {} times: what is looked for does not show there",
                end(commit),
                search.trials_of(&commit.id)
            )
        }
        (Wrong::EndSkipped(revision), _) => {
            let why = match &head.subject {
                Subject::Command { .. } => "the command says skip (125) there",
                Subject::Cell(_) => {
                    "it cannot be built or does not come up; what it left behind lies in the session's folder"
                }
            };
            format!("{} cannot be tried: {why}", end(search.commit(revision)))
        }
    }
}
