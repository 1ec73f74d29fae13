//! What a single message says has gone wrong.

use std::fmt;

/// The way in which a kernel's own message says that its progress has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// `INFO: task … blocked for more than … seconds`.
    HungTask,
    /// `BUG: soft lockup`.
    SoftLockup,
    /// `Watchdog detected hard LOCKUP`.
    HardLockup,
    /// RCU reported a stall.
    RcuStall,
    /// `BUG: workqueue lockup`.
    WorkqueueLockup,
    /// `Kernel panic`, of no more special kind.
    Panic,
    /// The panic `System is deadlocked on memory`: nothing is left to kill.
    PanicDeadlockedOnMemory,
    /// The panic of `panic_on_oom`.
    PanicOnOom,
    /// The panic `Attempted to kill init!`.
    InitKilled,
    /// Nothing to boot from or nothing to run.
    BootFailure,
    /// The kernel oopsed.
    Oops,
}

impl FailureKind {
    /// The word for it in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HungTask => "hung-task",
            Self::SoftLockup => "soft-lockup",
            Self::HardLockup => "hard-lockup",
            Self::RcuStall => "rcu-stall",
            Self::WorkqueueLockup => "workqueue-lockup",
            Self::Panic => "panic",
            Self::PanicDeadlockedOnMemory => "panic-deadlocked-on-memory",
            Self::PanicOnOom => "panic-on-oom",
            Self::InitKilled => "init-killed",
            Self::BootFailure => "boot-failure",
            Self::Oops => "oops",
        }
    }

    /// Whether `panic()` said it.
    pub const fn is_panic(self) -> bool {
        matches!(
            self,
            Self::Panic | Self::PanicDeadlockedOnMemory | Self::PanicOnOom | Self::InitKilled | Self::BootFailure
        )
    }

    /// Whether the kernel continues after it, partly stuck.
    pub const fn is_hang(self) -> bool {
        match self {
            Self::HungTask | Self::SoftLockup | Self::HardLockup | Self::RcuStall | Self::WorkqueueLockup => true,
            Self::Panic
            | Self::PanicDeadlockedOnMemory
            | Self::PanicOnOom
            | Self::InitKilled
            | Self::BootFailure
            | Self::Oops => false,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
