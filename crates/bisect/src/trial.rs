//! Trials and jobs.

use serde::{Deserialize, Serialize};

/// A revision: its index in the parents from which the history was made.
pub type Revision = u32;

/// The outcome of a build or a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The revision is built and can be tried.
    Built,
    /// The trial failed with the failure that is searched for.
    Hang,
    /// The trial passed.
    Pass,
    /// The trial failed with another failure: evidence for neither side.
    Other,
    /// The revision cannot be built or booted.
    Skipped,
}

/// One line of a journal. The same samples in the same order lead to the same decisions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The revision that was built or tried.
    pub revision: Revision,
    /// The outcome.
    pub outcome: Outcome,
    /// Duration in seconds; of a trial that had to build first, with the build. Zero teaches nothing about costs, for
    /// example where a kernel was in the cache.
    pub seconds: f64,
}

/// The work of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A build.
    Build,
    /// One trial, after a build where that is needed.
    Trial,
}

/// A running job.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The revision that is built or tried.
    pub revision: Revision,
    /// The work.
    pub task: Task,
    /// Seconds since it started.
    pub elapsed_s: f64,
}

/// The kind of job that a free slot can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// A trial of any revision, which builds first where needed: one command does both.
    Any,
    /// A build.
    Build,
    /// A trial of a revision that is built.
    Trial,
}

/// Numbers of failed and passed trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Trials with the failure that is searched for.
    pub hangs: u32,
    /// Trials without a failure.
    pub passes: u32,
}

impl Tally {
    /// Counts one trial; outcomes that are evidence for neither side are not counted.
    pub fn count(&mut self, outcome: Outcome) {
        self.hangs += u32::from(outcome == Outcome::Hang);
        self.passes += u32::from(outcome == Outcome::Pass);
    }

    /// Failed and passed trials together.
    pub fn trials(self) -> u32 {
        self.hangs + self.passes
    }
}
