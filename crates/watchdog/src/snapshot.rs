//! Before a verdict on stuck allocations stands, and before sysrq-f disturbs the guest, the lab looks at the guest's tasks.
//!
//! Trials that were recorded before there was such a probe have none: their verdict stands as it is.

use super::observations::Observations;
use super::rules::Stalled;
use model::{Event, Probe, Stamp};

/// Granted seconds for the answer: more than the lab lets the probe take.
const ANSWER_TIMEOUT_S: f64 = 8.0;

/// A verdict that waits for the tasks.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    stalled: Stalled,
    requested_at: super::clock::Moment,
    /// When the lab could begin the probe: it makes one at a time.
    free_since: Stamp,
    has_begun: bool,
}

/// What became of the probe.
#[derive(Debug)]
pub(super) enum Progress {
    /// It goes on, until this time at most.
    Pending(Box<Snapshot>, Stamp),
    /// The rules are to be evaluated again.
    Ended,
    /// The lab does not make this probe: the verdict as it was.
    Absent(Stalled),
}

impl Snapshot {
    pub fn new(stalled: Stalled, observed: &Observations) -> Self {
        let now = observed.now();
        Self { stalled, requested_at: now, free_since: now.host, has_begun: false }
    }

    /// Until when the answer may come.
    pub fn deadline(&self, observed: &Observations) -> Stamp {
        observed.clock.host_time_in(ANSWER_TIMEOUT_S - observed.now().granted_since(self.requested_at))
    }

    /// Takes the next event, which has been observed.
    pub fn on_event(mut self, observed: &Observations, event: &Event) -> Progress {
        let now = observed.now();
        self.has_begun |= *event == Event::Probed { probe: Probe::Tasks };
        if !self.has_begun {
            // The lab begins a probe at the very moment of the request, or when the one before it has ended.
            let is_confirming = *event == Event::Probed { probe: Probe::Sysrq('f') };
            if is_confirming || (now.host > self.free_since && observed.probes.running.is_none() && !is_answer(event)) {
                return Progress::Absent(self.stalled);
            }
            self.free_since = now.host;
        }
        let is_answered = observed.probes.tasks(self.requested_at).is_some()
            || observed.probes.failed_since(Probe::Tasks, self.requested_at);
        let is_over = now.granted_since(self.requested_at) >= ANSWER_TIMEOUT_S;
        if is_answered || is_over || observed.ended() || observed.interrupted {
            return Progress::Ended;
        }
        let deadline = self.deadline(observed);
        Progress::Pending(Box::new(self), deadline)
    }

    /// The verdict, if the lab has not begun the probe.
    pub fn unbegun(self) -> Option<Stalled> {
        (!self.has_begun).then_some(self.stalled)
    }
}

/// Whether a probe ends with this event, and the next one begins at the same moment.
const fn is_answer(event: &Event) -> bool {
    matches!(event, Event::Profile { .. } | Event::Memory { .. } | Event::Counters { .. } | Event::ProbeFailed { .. })
}
