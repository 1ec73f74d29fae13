//! What sorts of reports a kernel prints.

use serde::Serialize;
use std::fmt;

/// The sort of one report of the kernel, as far as a log alone shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReportKind {
    /// The OOM killer was started for the whole machine.
    OomKill,
    /// The OOM killer was started for a memory cgroup.
    OomKillMemcg,
    /// The OOM killer found nothing to kill.
    OomNoKillable,
    /// `panic_on_oom` made a panic of it.
    PanicOnOom,
    /// An allocation failed and the kernel said so.
    AllocFailure,
    /// An allocation took longer than ten seconds (4.9 to 4.14, 7.3).
    AllocStall,
    /// A task was blocked for too long.
    HungTask,
    /// A CPU ran kernel code for too long without scheduling.
    SoftLockup,
    /// A CPU took no interrupts for too long.
    HardLockup,
    /// A grace period of RCU did not end.
    RcuStall,
    /// A worker pool made no progress.
    WorkqueueLockup,
    /// A panic of no more special sort.
    Panic,
    /// An exception in the kernel, a failed `BUG_ON()`, or a state that the kernel itself calls a bug.
    Oops,
    /// An allocation without an MMU failed for a process.
    NommuAllocFailure,
    /// KASAN, KFENCE, KMSAN, KCSAN or UBSAN found something.
    Sanitizer,
    /// Locks were taken in a wrong way.
    Lockdep,
    /// Something slept where that is forbidden.
    AtomicSleep,
    /// kmemleak found lost memory.
    MemoryLeak,
    /// A failed `WARN_ON()`.
    Warning,
    /// The kernel found nothing to run, or nothing to run it from.
    BootFailure,
    /// Nothing is wrong.
    None,
}

impl ReportKind {
    /// The word for it in documents and on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OomKill => "oom-kill",
            Self::OomKillMemcg => "oom-kill-memcg",
            Self::OomNoKillable => "oom-no-killable",
            Self::PanicOnOom => "panic-on-oom",
            Self::AllocFailure => "alloc-failure",
            Self::AllocStall => "alloc-stall",
            Self::HungTask => "hung-task",
            Self::SoftLockup => "soft-lockup",
            Self::HardLockup => "hard-lockup",
            Self::RcuStall => "rcu-stall",
            Self::WorkqueueLockup => "workqueue-lockup",
            Self::Panic => "panic",
            Self::Oops => "oops",
            Self::NommuAllocFailure => "nommu-alloc-failure",
            Self::Sanitizer => "sanitizer",
            Self::Lockdep => "lockdep",
            Self::AtomicSleep => "atomic-sleep",
            Self::MemoryLeak => "memory-leak",
            Self::Warning => "warning",
            Self::BootFailure => "boot-failure",
            Self::None => "none",
        }
    }

    /// Whether one CPU or task reports another: lines of any context may belong to it.
    pub(super) const fn is_stall(self) -> bool {
        matches!(self.family(), Family::Lockup)
    }

    /// Whether it is of the OOM killer.
    pub(super) const fn is_oom(self) -> bool {
        matches!(self.family(), Family::Oom)
    }

    /// Whether a task names the report where no function does: it is stuck, or short of memory.
    pub(super) const fn is_named_by_task(self) -> bool {
        match self.family() {
            Family::Allocation | Family::Blocked => true,
            // A hard lockup is found by a CPU that does not know what the other one runs, and a pool is no task.
            Family::Lockup => matches!(self, Self::SoftLockup | Self::RcuStall),
            Family::Oom | Family::Bug | Family::Panic => false,
        }
    }

    /// How its lines are put together. A new kind is sorted in here.
    pub(super) const fn family(self) -> Family {
        match self {
            Self::OomKill | Self::OomKillMemcg | Self::OomNoKillable | Self::PanicOnOom => Family::Oom,
            Self::AllocFailure | Self::AllocStall => Family::Allocation,
            Self::HungTask => Family::Blocked,
            Self::SoftLockup | Self::HardLockup | Self::RcuStall | Self::WorkqueueLockup => Family::Lockup,
            Self::Panic | Self::BootFailure => Family::Panic,
            Self::NommuAllocFailure
            | Self::Oops
            | Self::Sanitizer
            | Self::Lockdep
            | Self::AtomicSleep
            | Self::MemoryLeak
            | Self::Warning
            | Self::None => Family::Bug,
        }
    }
}

/// Kinds of reports that are put together alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// The OOM killer: one task calls it, another is killed.
    Oom,
    /// An allocation of a task.
    Allocation,
    /// A task that waits.
    Blocked,
    /// A CPU or a pool that makes no progress, reported by another context.
    Lockup,
    /// The end of the machine.
    Panic,
    /// A bug in what the CPU ran.
    Bug,
}

impl fmt::Display for ReportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockups_are_reported_by_others() {
        for kind in [ReportKind::SoftLockup, ReportKind::HardLockup, ReportKind::RcuStall, ReportKind::WorkqueueLockup]
        {
            assert!(kind.is_stall(), "{kind}");
        }
        for kind in [ReportKind::Oops, ReportKind::HungTask, ReportKind::OomKill] {
            assert!(!kind.is_stall(), "{kind}");
        }
    }

    #[test]
    fn words_are_the_same_in_documents_and_on_the_terminal() {
        for kind in [ReportKind::OomKillMemcg, ReportKind::NommuAllocFailure, ReportKind::None] {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }
}
