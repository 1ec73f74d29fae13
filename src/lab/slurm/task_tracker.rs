//! What the lists of `squeue` say of a task, one after the other. Pure.

use crate::slurm::{Ending, Task, TaskState};
use std::time::Duration;

/// How long a task may complete: longer than KillWait and an epilog take. A process in uninterruptible sleep and a node that hangs
/// keep it in that state until an administrator acts.
const MAX_COMPLETING: Duration = Duration::from_secs(5 * 60);

/// A task as it was listed so far.
#[derive(Debug, Default)]
pub(super) struct TaskTracker {
    task: Option<Task>,
    completing_since: Option<Duration>,
    over: Option<Over>,
}

/// The end of a task for the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over {
    /// When it was noticed.
    pub since: Duration,
    /// How it ended; `None` if Slurm has forgotten it.
    pub ending: Option<Ending>,
}

impl TaskTracker {
    /// Takes what the list at `now` has of the task.
    pub fn update(&mut self, now: Duration, task: Option<Task>) {
        let state = task.as_ref().map(|task| task.state);
        let is_completing = state == Some(TaskState::Completing);
        self.completing_since = self.completing_since.or(Some(now)).filter(|_| is_completing);
        let ending = match state {
            None => Some(None),
            Some(TaskState::Ended(ending)) => Some(Some(ending)),
            Some(TaskState::Waiting) if task.as_ref().is_some_and(Task::is_unschedulable) => Some(Some(Ending::Failed)),
            Some(TaskState::Completing) => {
                self.completing_since.filter(|since| now >= *since + MAX_COMPLETING).map(|_| Some(Ending::Lost))
            }
            Some(TaskState::Waiting | TaskState::Running) => None,
        };
        self.over = self.over.or(ending.map(|ending| Over { since: now, ending }));
        self.task = task;
    }

    /// The task in the last list; `None` before the first one, and if Slurm has forgotten it.
    pub const fn task(&self) -> Option<&Task> {
        self.task.as_ref()
    }

    /// Its end, once that is known.
    pub const fn over(&self) -> Option<Over> {
        self.over
    }

    /// Whether the last list has it in this state.
    pub fn is(&self, state: TaskState) -> bool {
        self.task.as_ref().is_some_and(|task| task.state == state)
    }

    /// Whether it waits and can never start.
    pub fn is_unschedulable(&self) -> bool {
        self.task.as_ref().is_some_and(Task::is_unschedulable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slurm::TaskId;

    fn task(state: TaskState, reason: &str) -> Option<Task> {
        let id = TaskId { array: 1, index: 0 };
        let (word, node, name) = (String::new(), String::new(), String::new());
        Some(Task { id, state, word, exit: None, node, reason: reason.to_owned(), name })
    }

    fn after(lists: &[(u64, Option<Task>)]) -> Option<Over> {
        let mut tracker = TaskTracker::default();
        for (at, task) in lists {
            tracker.update(Duration::from_secs(*at), task.clone());
        }
        tracker.over()
    }

    fn over(since: u64, ending: Option<Ending>) -> Option<Over> {
        Some(Over { since: Duration::from_secs(since), ending })
    }

    #[test]
    fn first_end_counts() {
        let ended = |ending| task(TaskState::Ended(ending), "None");
        let lists = [(0, task(TaskState::Running, "None")), (9, ended(Ending::Cancelled)), (20, None)];
        assert_eq!(after(&lists), over(9, Some(Ending::Cancelled)));
        assert_eq!(after(&[(3, None)]), over(3, None), "Slurm has forgotten it");
    }

    #[test]
    fn running_task_is_open_whatever_its_reason() {
        // The reason of the array's tasks that wait: its partition has a shorter limit now.
        assert_eq!(after(&[(0, task(TaskState::Running, "PartitionTimeLimit"))]), None);
        assert_eq!(after(&[(0, task(TaskState::Waiting, "PartitionTimeLimit"))]), over(0, Some(Ending::Failed)));
        let per_job = "QOSMaxWallDurationPerJobLimit";
        assert_eq!(after(&[(0, task(TaskState::Waiting, per_job))]), over(0, Some(Ending::Failed)));
        for reason in ["Resources", "QOSMaxJobsPerUserLimit"] {
            assert_eq!(after(&[(0, task(TaskState::Waiting, reason))]), None, "{reason}");
        }
    }

    #[test]
    fn task_that_completes_without_end_is_lost() {
        let completing = || task(TaskState::Completing, "None");
        assert_eq!(after(&[(10, completing()), (309, completing())]), None);
        assert_eq!(after(&[(10, completing()), (310, completing())]), over(310, Some(Ending::Lost)));
        let lists = [(10, completing()), (20, task(TaskState::Running, "None")), (310, completing())];
        assert_eq!(after(&lists), None, "it began to complete at 310 s");
    }
}
