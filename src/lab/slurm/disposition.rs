//! What becomes of a trial whose task is over and has left no record of it. Pure.

use crate::slurm::Ending;

/// How often a trial is submitted again after its task was lost: a trial that takes its node down must not take down all of them.
const MAX_LOST: u32 = 2;

/// What becomes of the trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    /// It is submitted again.
    Resubmitted,
    /// It was not judged, and a resumed run runs it.
    Interrupted,
    /// The lab failed.
    Failed,
}

/// The task, as seen from one of its trials.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaskEnd {
    /// How the task ended; `None` if Slurm has forgotten it.
    pub ending: Option<Ending>,
    /// Whether any trial of the task had begun.
    pub has_begun_any: bool,
    /// Whether this one had.
    pub has_begun: bool,
    /// How often a task with this trial was lost before.
    pub lost: u32,
}

/// The trial's disposition.
pub(super) fn disposition(end: &TaskEnd) -> Disposition {
    match end.ending {
        Some(Ending::Cancelled) => Disposition::Interrupted,
        Some(Ending::Lost) | None if end.lost < MAX_LOST => Disposition::Resubmitted,
        Some(Ending::Lost) | None => Disposition::Interrupted,
        // Its batch took too long, or the trial before it has ended the task.
        Some(Ending::Failed | Ending::Completed) if end.has_begun_any && !end.has_begun => Disposition::Resubmitted,
        Some(Ending::Failed | Ending::Completed) => Disposition::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ending: Option<Ending>, has_begun_any: bool, has_begun: bool, lost: u32) -> Disposition {
        disposition(&TaskEnd { ending, has_begun_any, has_begun, lost })
    }

    #[test]
    fn cancelled_trials_wait_for_a_resumed_run() {
        assert_eq!(after(Some(Ending::Cancelled), true, true, 0), Disposition::Interrupted);
        assert_eq!(after(Some(Ending::Cancelled), false, false, 0), Disposition::Interrupted);
    }

    #[test]
    fn lost_trials_are_submitted_again_with_a_limit() {
        for ending in [Some(Ending::Lost), None] {
            let found = [0, 1, 2].map(|lost| after(ending, true, true, lost));
            assert_eq!(found, [Disposition::Resubmitted, Disposition::Resubmitted, Disposition::Interrupted]);
        }
    }

    #[test]
    fn failed_task_fails_the_trial_that_it_ran() {
        assert_eq!(after(Some(Ending::Failed), true, true, 0), Disposition::Failed);
        assert_eq!(after(Some(Ending::Failed), true, false, 9), Disposition::Resubmitted, "the rest of its batch");
        assert_eq!(after(Some(Ending::Failed), false, false, 0), Disposition::Failed, "the program did not start");
        assert_eq!(after(Some(Ending::Completed), true, true, 0), Disposition::Failed, "no record, and no reason");
    }
}
