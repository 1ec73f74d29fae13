//! States of tasks (squeue(1), "JOB STATE CODES"). Pure.

/// The state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// It has not begun, or begins again.
    Waiting,
    /// It runs, or is suspended.
    Running,
    /// Its processes are being ended or have ended; Slurm cleans up.
    Completing,
    /// It is over.
    Ended(Ending),
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With exit code 0.
    Completed,
    /// A user or the administrator has cancelled it.
    Cancelled,
    /// Its node died, or it was taken from it: it may run again.
    Lost,
    /// In another way: an exit code, a limit on time or memory.
    Failed,
}

impl TaskState {
    /// The state by its name; a name that is not known is that of a task that runs.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "PENDING" | "CONFIGURING" | "REQUEUED" | "REQUEUE_FED" | "REQUEUE_HOLD" | "RESV_DEL_HOLD" => Self::Waiting,
            "COMPLETING" => Self::Completing,
            "COMPLETED" => Self::Ended(Ending::Completed),
            "CANCELLED" | "REVOKED" => Self::Ended(Ending::Cancelled),
            "NODE_FAIL" | "PREEMPTED" | "BOOT_FAIL" => Self::Ended(Ending::Lost),
            "FAILED" | "TIMEOUT" | "OUT_OF_MEMORY" | "DEADLINE" | "SPECIAL_EXIT" => Self::Ended(Ending::Failed),
            _ => Self::Running,
        }
    }

    /// Whether nothing of it runs any more, as far as Slurm knows.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Ended(_))
    }
}
