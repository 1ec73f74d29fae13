//! Progress of trials, for a display.

use crate::schedule::TimeLeft;
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
    /// Memory that QEMU has touched on the host, in MiB.
    #[serde(default)]
    pub resident_mib: Option<u64>,
}

/// Receives the progress of trials, on the lab's own thread: its methods must not block.
pub trait Observer: Sync + Send {
    /// A trial has started; `index` identifies it in later calls.
    fn started(&self, index: usize, cell: &model::Cell, trial: u32);
    /// The trial that has started waits in a queue outside of the lab, until its first status.
    fn queued(&self, _index: usize) {}
    /// Something about the run as a whole happened; the text is printable.
    fn note(&self, _text: &str) {}
    /// Called about once a second for each running trial, and at each change of stage.
    fn status(&self, index: usize, status: Status);
    /// KVM cannot continue; the trial restarts under TCG.
    fn restarted_under_tcg(&self, _index: usize, _record: &TrialRecord) {}
    /// A trial was the victim of a host that is short of memory, and runs again.
    fn requeued(&self, _index: usize, _record: &TrialRecord) {}
    /// How long the run still takes; `None` while too little is known.
    fn time_left(&self, _left: Option<TimeLeft>) {}
    /// A trial has ended.
    fn finished(&self, index: usize, record: &TrialRecord);
}
