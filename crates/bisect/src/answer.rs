//! What a bisection does next, and its answer.

use super::trial::{Revision, Tally, Task};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a free slot should do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Build or try a revision.
    Run {
        /// The revision.
        revision: Revision,
        /// Whether to build it or to try it.
        task: Task,
        /// What the job is for.
        purpose: Purpose,
    },
    /// Nothing, until a running job has ended.
    Wait,
    /// The search is over; running jobs can be stopped.
    Done(Answer),
}

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Establishes that the bad end fails.
    BadEnd,
    /// Establishes that the good end passes.
    GoodEnd,
    /// First trial of a revision: splits the candidates.
    Split {
        /// The probability that the revision is affected.
        affected: f64,
    },
    /// Another trial of a revision whose trials so far did not decide.
    Repeat {
        /// The probability that the revision is affected.
        affected: f64,
        /// The expected failure rate of an affected revision.
        p: f64,
    },
    /// Measures the failure rate of affected revisions while a build keeps the search waiting.
    EstimateRate,
    /// Tries the culprit again.
    ConfirmCulprit,
    /// Tries a revision before the culprit again.
    ConfirmParent,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| (100.0 * share).round();
        match self {
            Self::BadEnd => write!(f, "check that the bad end fails"),
            Self::GoodEnd => write!(f, "check that the good end passes"),
            Self::Split { affected } => write!(f, "split {}/{}", percent(*affected), percent(1.0 - *affected)),
            Self::Repeat { affected, p } => {
                write!(f, "retest: P(affected) {} %, fail rate {} %", percent(*affected), percent(*p))
            }
            Self::EstimateRate => write!(f, "estimate the failure rate"),
            Self::ConfirmCulprit => write!(f, "confirm the culprit"),
            Self::ConfirmParent => write!(f, "confirm the culprit's parents"),
        }
    }
}

/// A revision that may be the culprit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The revision.
    pub revision: Revision,
    /// The probability that it is the culprit.
    pub probability: f64,
}

/// Outcomes of the trials of one revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Trials with the failure that is searched for.
    pub hangs: u32,
    /// Trials without a failure.
    pub passes: u32,
    /// Trials with another failure.
    pub others: u32,
}

impl Counts {
    /// All trials.
    pub fn trials(self) -> u32 {
        self.hangs + self.passes + self.others
    }

    /// Without the other failures.
    pub fn tally(self) -> Tally {
        Tally { hangs: self.hangs, passes: self.passes }
    }
}

/// Why nothing can be found between these ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvalidPremise {
    /// The good end fails too: the ends do not differ, or the culprit is older.
    GoodEndHangs,
    /// The bad end does not fail.
    BadEndPasses,
    /// All trials of this end fail, but with another failure.
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
        /// Whether further trials of it and of the revisions before it agreed.
        confirmed: bool,
        /// The most probable other candidates, most probable first.
        runners_up: Vec<Candidate>,
    },
    /// One of several commits: the revisions between them cannot be tried, or the search stopped early.
    Set {
        /// Most probable first.
        candidates: Vec<Candidate>,
        /// The probability that the culprit is among them.
        probability: f64,
        /// Whether further trials on both sides agreed.
        confirmed: bool,
    },
    /// The ends are not what they were said to be.
    InvalidPremise {
        /// Which assumption does not hold.
        reason: InvalidPremise,
        /// Trials of the bad end.
        bad: Counts,
        /// Trials of the good end.
        good: Counts,
    },
}

/// The state of a search, for display.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The present stage.
    pub stage: Stage,
    /// The number of commits that together hold 95 % of the probability.
    pub remaining: usize,
    /// The most probable commits, most probable first.
    pub leaders: Vec<Candidate>,
    /// The probability that the good end is affected too.
    pub all_affected: f64,
    /// The probability that not even the bad end is affected.
    pub none_affected: f64,
    /// The failure rate of affected revisions.
    pub p: Estimate,
    /// The failure rate of unaffected revisions.
    pub q: Estimate,
    /// Trials so far, including those with another failure.
    pub trials: u32,
    /// Trials with another failure.
    pub others: u32,
    /// Revisions that were built.
    pub builds: u32,
    /// Revisions that cannot be tried.
    pub skipped: u32,
    /// Expected further trials.
    pub expected_trials: f64,
    /// Expected further work in seconds, builds included, if jobs ran one after the other.
    pub expected_s: f64,
}

/// A stage of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Establishes that the bad end fails and the good end passes.
    Ends,
    /// Narrows down the candidates.
    Search,
    /// Repeats trials of the culprit and of the revisions before it.
    Confirmation,
}

/// An estimated rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Its expectation.
    pub mean: f64,
    /// The lower end of the central 90 % interval.
    pub low: f64,
    /// The upper end of the central 90 % interval.
    pub high: f64,
}
