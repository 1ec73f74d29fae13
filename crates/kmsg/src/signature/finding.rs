//! What a console line says.

use super::failure::FailureKind;
use crate::Task;

/// What one console line says about the kernel's health.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// The OOM killer was started by this task.
    OomInvoked {
        /// Name of the task that could not allocate.
        comm: String,
    },
    /// The OOM killer sent SIGKILL.
    OomKilled(Task),
    /// The OOM reaper freed the victim's memory (`mm/oom_kill.c`, `oom_reap_task_mm()`; never without an MMU).
    OomReaped(Task),
    /// The OOM reaper gave up on the victim's memory, whose lock others hold: the victim stays (`mm/oom_kill.c`, `oom_reap_task()`).
    OomNotReaped(Task),
    /// Nothing was left to kill.
    NoKillable,
    /// The kernel is broken or says that something hangs.
    Failure(FailureReport),
    /// A later line of that report names the task which it is about.
    FailureTask(Task),
    /// A task waits for a lock, and the kernel names its holder.
    Blocker(Blocker),
}

/// A lock that a hung task waits for, as the kernel prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// The sort of lock: `mutex`, `semaphore`, `rwsem`.
    pub lock: &'static str,
    /// The task that waits.
    pub waiter: Task,
    /// The task that holds the lock, or held it last.
    pub owner: Task,
}

/// A report of the kernel that its own progress has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureReport {
    /// What it is once the agent runs.
    pub kind: FailureKind,
    /// The message, or the part of it that is the same from boot to boot.
    pub title: String,
    /// The task that its first line names; [`Finding::FailureTask`] may follow.
    pub task: Option<Task>,
}
