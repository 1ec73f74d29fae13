//! How much Slurm takes, and for how long the lab tries. Pure.

use std::time::Duration;

/// How long slurmctld may be unreachable, and how long it may refuse a single task while none of the run's is in its queue.
pub(super) const MAX_OUTAGE: Duration = Duration::from_secs(15 * 60);

/// Time until a submission that failed for the moment is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// The size of arrays, after the refusals so far: a limit on jobs (MaxSubmitJobs) refuses an array as a whole, and nothing says how
/// many tasks it would take.
#[derive(Debug)]
pub(super) struct Intake {
    max: u32,
    size: u32,
    next_at: Duration,
    refused_since: Option<Duration>,
    unreachable_since: Option<Duration>,
}

impl Intake {
    /// For arrays of at most `max` tasks.
    pub fn new(max: u32) -> Self {
        Self { max, size: max, next_at: Duration::ZERO, refused_since: None, unreachable_since: None }
    }

    /// Maximum number of tasks of the next array; none while it is not the time for one.
    pub fn size(&self, now: Duration) -> u32 {
        if now >= self.next_at { self.size } else { 0 }
    }

    /// Notes that an array was accepted.
    pub fn accepted(&mut self) {
        self.refused_since = None;
        self.size = self.size.saturating_mul(2).min(self.max);
    }

    /// Notes that Slurm takes no array of so many tasks now; `is_queue_empty` says that it has no other task of the run. Returns whether to
    /// try again: a limit that refuses a single task when nothing else is there does not change by itself.
    pub fn refused(&mut self, now: Duration, tasks: u32, is_queue_empty: bool) -> bool {
        if tasks > 1 {
            self.size = tasks / 2;
            return true;
        }
        self.next_at = now + RETRY;
        self.refused_since = self.refused_since.or(Some(now)).filter(|_| is_queue_empty);
        self.refused_since.is_none_or(|since| now - since < MAX_OUTAGE)
    }

    /// Notes that Slurm has answered.
    pub fn reached(&mut self) {
        self.unreachable_since = None;
    }

    /// Notes that slurmctld does not answer; returns whether to try again.
    pub fn unreachable(&mut self, now: Duration) -> bool {
        self.next_at = now + RETRY;
        let since = *self.unreachable_since.get_or_insert(now);
        now - since < MAX_OUTAGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn arrays_shrink_until_slurm_takes_them() {
        let mut intake = Intake::new(1000);
        let mut sizes = Vec::new();
        while intake.size(at(0)) > 50 {
            sizes.push(intake.size(at(0)));
            assert!(intake.refused(at(0), intake.size(at(0)), true));
        }
        assert_eq!(sizes, [1000, 500, 250, 125, 62]);
        intake.accepted();
        assert_eq!(intake.size(at(0)), 62, "twice as many as before");
        (0..9).for_each(|_| intake.accepted());
        assert_eq!(intake.size(at(0)), 1000);
    }

    #[test]
    fn refusal_of_a_single_task_ends_the_run_when_nothing_else_is_queued() {
        let mut intake = Intake::new(1);
        assert!(intake.refused(at(0), 1, false), "the run's own tasks fill the queue");
        assert!(intake.refused(at(5000), 1, true));
        assert_eq!((intake.size(at(5001)), intake.size(at(5010))), (0, 1));
        assert!(intake.refused(at(5899), 1, true));
        assert!(!intake.refused(at(5900), 1, true));
        intake.accepted();
        assert!(intake.refused(at(5901), 1, true), "its time begins again");
    }

    #[test]
    fn outage_has_a_maximum_length() {
        let mut intake = Intake::new(4);
        assert!(intake.unreachable(at(100)));
        assert!(intake.unreachable(at(999)));
        assert!(!intake.unreachable(at(1000)));
        intake.reached();
        assert!(intake.unreachable(at(1001)));
    }
}
