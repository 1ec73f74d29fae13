//! What is known of one revision, and what runs.

use serde::{Deserialize, Serialize};

/// A revision: its index in the parents that the history was made of.
pub type Revision = u32;

/// What came of a build or a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The revision is built, and can be tried.
    Built,
    /// It hung as the reference does.
    Hang,
    /// It did not hang.
    Pass,
    /// It failed in another way: evidence for neither side.
    Other,
    /// It cannot be built or booted.
    Skipped,
}

/// One line of a journal. The same samples in the same order lead to the same decisions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What was built or tried.
    pub revision: Revision,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took, in seconds; a trial that had to build first includes the build. Zero teaches nothing about
    /// costs, as of a kernel that was there before.
    pub seconds: f64,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// It builds.
    Build,
    /// It runs one trial, and builds before if that is needed.
    Trial,
}

/// A job that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// What is built or tried.
    pub revision: Revision,
    /// What is done with it.
    pub task: Task,
    /// For how long, in seconds.
    pub elapsed_s: f64,
}

/// What the free slot can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// A trial of anything, building included: where a command does both.
    Any,
    /// A build.
    Build,
    /// A trial of a revision that is built.
    Trial,
}

/// Hangs and passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Trials that hung as the reference does.
    pub hangs: u32,
    /// Trials that did not hang.
    pub passes: u32,
}

impl Tally {
    /// Counts one trial; what is neither hang nor pass is not counted.
    pub(super) fn count(&mut self, outcome: Outcome) {
        self.hangs += u32::from(outcome == Outcome::Hang);
        self.passes += u32::from(outcome == Outcome::Pass);
    }

    /// Both together.
    pub fn trials(self) -> u32 {
        self.hangs + self.passes
    }
}
