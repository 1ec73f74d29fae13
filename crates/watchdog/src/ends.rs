//! How the parts of a guest begin and end.

use super::clock::Moment;
use super::observations::Observations;
use model::OomLimit;

/// How the workload ended.
#[derive(Debug, Clone)]
pub(super) struct Finish {
    pub at: Moment,
    pub status: i32,
    pub units: u64,
    pub why: String,
    /// That of the last system call that failed; 0 if none is known.
    pub errno: u64,
}

/// How QEMU ended.
#[derive(Debug, Clone)]
pub(super) struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stderr: String,
    pub host_oom: bool,
    pub oom_limit: Option<OomLimit>,
}

impl Observations {
    /// The workload runs.
    pub(super) fn start(&mut self, now: Moment) {
        self.started = self.started.or(Some(now));
        self.clock.set_stop_share(self.setup.stop_share);
    }

    /// The workload has ended. What comes later does not change how.
    pub(super) fn finish(&mut self, finish: Finish) {
        self.clock.set_stop_share(0.0);
        self.finished.get_or_insert(finish);
    }
}
