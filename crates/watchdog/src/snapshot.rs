//! The snapshot of the guest's tasks before a verdict on stuck allocations, and before sysrq-f disturbs the guest.
//!
//! Trials that were recorded before there was such a probe have none: their verdict stands as it is.

use super::clock::Moment;
use super::observations::Observations;
use super::rules::Stalled;
use model::{Event, Probe, Stamp};

/// Granted seconds for the answer: more than the lab lets the probe take.
const ANSWER_TIMEOUT_S: f64 = 8.0;

/// Granted seconds for which the probe may wait for the one before it, and be made.
const TURN_TIMEOUT_S: f64 = 60.0;

/// A verdict that waits for the tasks.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    stalled: Box<Stalled>,
    requested_at: Moment,
    /// When the lab could begin the probe: it makes one at a time.
    free_since: Stamp,
    begun_at: Option<Moment>,
}

/// What became of the probe.
#[derive(Debug)]
pub(super) enum Progress {
    /// In progress, with this deadline.
    Pending(Snapshot, Stamp),
    /// The rules are to be evaluated again.
    Ended,
    /// The lab does not make this probe: the verdict as it was.
    Absent(Box<Stalled>),
}

impl Snapshot {
    pub fn new(stalled: Box<Stalled>, observed: &Observations) -> Self {
        let now = observed.now();
        Self { stalled, requested_at: now, free_since: now.host, begun_at: None }
    }

    /// Until when the answer may come.
    pub fn deadline(&self, observed: &Observations) -> Stamp {
        observed.clock.host_time_in(self.remaining_s(observed))
    }

    fn remaining_s(&self, observed: &Observations) -> f64 {
        let passed = |since| observed.now().granted_since(since);
        match self.begun_at {
            Some(begun) => ANSWER_TIMEOUT_S - passed(begun),
            None => TURN_TIMEOUT_S - passed(self.requested_at),
        }
    }

    /// Takes the next event, which has been observed.
    pub fn on_event(mut self, observed: &Observations, event: &Event) -> Progress {
        let now = observed.now();
        if *event == (Event::Probed { probe: Probe::Tasks }) {
            self.begun_at = Some(now);
        }
        if self.begun_at.is_none() {
            // The lab begins a probe at the very moment of the request, or when the one before it has ended.
            let is_confirming = *event == Event::Probed { probe: Probe::Sysrq('f') };
            if is_confirming || (now.host > self.free_since && observed.probes.running.is_none() && !is_answer(event)) {
                return Progress::Absent(self.stalled);
            }
            self.free_since = now.host;
        }
        let is_answered = observed.probes.tasks(self.requested_at).is_some()
            || observed.probes.failed_since(Probe::Tasks, self.requested_at);
        if is_answered || self.remaining_s(observed) <= 0.0 || observed.ended() || observed.interrupted {
            return Progress::Ended;
        }
        let deadline = self.deadline(observed);
        Progress::Pending(self, deadline)
    }

    /// The verdict, if the lab has not begun the probe.
    pub fn unbegun(self) -> Option<Box<Stalled>> {
        self.begun_at.is_none().then_some(self.stalled)
    }
}

/// Whether a probe ends with this event, and the next one begins at the same moment.
const fn is_answer(event: &Event) -> bool {
    matches!(event, Event::Profile { .. } | Event::Memory { .. } | Event::Counters { .. } | Event::ProbeFailed { .. })
}
