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
    /// Nothing was left to kill.
    NoKillable,
    /// The kernel is broken or says that something hangs.
    FailureReport(FailureReport),
}

/// A report of the kernel that its own progress has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureReport {
    /// What it is once the agent runs.
    pub kind: FailureKind,
    /// The message, or the part of it that is the same from boot to boot.
    pub title: String,
    /// The task that it names.
    pub task: Option<Task>,
}
