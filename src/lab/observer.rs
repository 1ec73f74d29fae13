//! Progress of trials, for a display.

use model::{Stage, TrialRecord};
use serde::{Deserialize, Serialize};

/// Status of a running trial.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Stage.
    pub stage: Stage,
    /// Seconds since the spawn.
    pub elapsed_s: f64,
    /// The guest's own clock in seconds, from the last beat.
    pub guest_s: Option<f64>,
    /// Free memory in KiB, from the last beat.
    pub free_kib: Option<u64>,
    /// OOM kills so far.
    pub oom_kills: u64,
    /// Seconds since the canary last moved, once it is late.
    pub canary_stuck_s: Option<f64>,
}

/// Receives the progress of trials, on the lab's own thread: its methods must not block.
pub trait Observer: Sync + Send {
    /// A trial has started; `index` identifies it in later calls.
    fn started(&self, index: usize, cell: &model::Cell, trial: u32);
    /// Called about once a second for each running trial, and at each change of stage.
    fn status(&self, index: usize, status: Status);
    /// KVM cannot continue; the trial restarts under TCG.
    fn restarted_under_tcg(&self, _index: usize, _record: &TrialRecord) {}
    /// A trial has ended.
    fn finished(&self, index: usize, record: &TrialRecord);
}
