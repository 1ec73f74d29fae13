//! What a bisection does next, and what it says at the end.

use super::sample::{Revision, Task};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the free slot should do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Build or try this revision.
    Run {
        /// Which.
        revision: Revision,
        /// What to do with it.
        task: Task,
        /// What for.
        why: Why,
    },
    /// Nothing, until something that runs has ended.
    Wait,
    /// End what runs: the search is over.
    Done(Answer),
}

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Shows that the bad end hangs.
    BadEnd,
    /// Shows that the good end does not.
    GoodEnd,
    /// Tells candidates apart: it is affected with this probability.
    Splits {
        /// The probability that it is affected.
        affected: f64,
    },
    /// Tells by another trial what the ones before left open.
    Again {
        /// The probability that it is affected.
        affected: f64,
        /// How often an affected revision is expected to hang.
        p: f64,
    },
    /// Learns how often an affected revision hangs, while there is nothing better to do.
    Rate,
    /// Tries the culprit once more.
    ConfirmsCulprit,
    /// Tries what stands before the culprit once more.
    ConfirmsParent,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| (100.0 * share).round();
        match self {
            Self::BadEnd => write!(f, "shows that the bad end hangs"),
            Self::GoodEnd => write!(f, "shows that the good end does not hang"),
            Self::Splits { affected } => write!(f, "splits {}/{}", percent(*affected), percent(1.0 - *affected)),
            Self::Again { affected, p } => {
                write!(f, "again: affected at {} %, where {} % of trials hang", percent(*affected), percent(*p))
            }
            Self::Rate => write!(f, "learns how often it hangs"),
            Self::ConfirmsCulprit => write!(f, "confirms the culprit"),
            Self::ConfirmsParent => write!(f, "confirms what stands before the culprit"),
        }
    }
}

/// A revision that may be the culprit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    pub revision: Revision,
    /// The probability that it is the culprit.
    pub probability: f64,
}

/// How trials of one revision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// It hung as the reference does.
    pub hangs: u32,
    /// It did not hang.
    pub passes: u32,
    /// It failed in another way.
    pub others: u32,
}

/// Why nothing can be found between these ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// The good end hangs too: nothing differs, or the culprit is older.
    GoodEndHangs,
    /// The bad end does not hang.
    BadEndPasses,
    /// This end fails, but always in another way.
    OtherFailures(Revision),
    /// This end cannot be built or booted.
    EndSkipped(Revision),
}

/// The end of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// One commit.
    Culprit {
        /// The commit.
        commit: Revision,
        /// The probability that it is the culprit.
        probability: f64,
        /// Whether it and what stands before it were tried once more, and agreed.
        confirmed: bool,
        /// The most probable others, most probable first.
        runners_up: Vec<Candidate>,
    },
    /// One of several: revisions that cannot be tried lie between them, or the search was ended early.
    Set {
        /// Most probable first.
        candidates: Vec<Candidate>,
        /// The probability that the culprit is among them.
        probability: f64,
        /// Whether trials on both sides were repeated, and agreed.
        confirmed: bool,
    },
    /// Nothing lies between these ends.
    Premise {
        /// What is wrong.
        wrong: Wrong,
        /// The trials of the bad end.
        bad: Counts,
        /// The trials of the good end.
        good: Counts,
    },
}

/// The state of a search, for display.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// What the search is at.
    pub stage: Stage,
    /// How many commits hold 95 % of the probability.
    pub remaining: usize,
    /// The most probable commits, most probable first.
    pub leaders: Vec<Candidate>,
    /// The probability that the good end is affected too.
    pub all_affected: f64,
    /// The probability that not even the bad end is.
    pub none_affected: f64,
    /// The share of trials of affected revisions that hang.
    pub p: Estimate,
    /// The share of trials of unaffected revisions that hang.
    pub q: Estimate,
    /// Trials so far, those that failed in another way included.
    pub trials: u32,
    /// Trials that failed in another way.
    pub others: u32,
    /// Revisions that were built.
    pub builds: u32,
    /// Revisions that cannot be tried.
    pub skipped: u32,
    /// Trials to be expected still.
    pub expected_trials: f64,
    /// Seconds of work to be expected still, builds included, one job after the other.
    pub expected_s: f64,
}

/// What a search is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Whether the bad end hangs and the good end does not.
    Ends,
    /// Which commit it is.
    Search,
    /// Whether the answer shows again.
    Confirmation,
}

/// An unknown share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Its expectation.
    pub mean: f64,
    /// The lower end of the middle 90 %.
    pub low: f64,
    /// The upper end of the middle 90 %.
    pub high: f64,
}
