//! How a trial ended, and what exactly happened.

use super::words::words;
use kmsg::signature::FailureKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// How a trial ended. Kernel misbehaviour and a fault of the lab are never the same outcome.
    Outcome {
        /// The guest did what a healthy one does.
        Pass = "pass",
        /// The guest stopped making progress.
        Hang = "hang",
        /// The kernel panicked or oopsed, or reported what the cell fails on.
        Crash = "crash",
        /// The guest never came up.
        BootFailed = "boot-failed",
        /// A test found a fault; the kernel neither hung nor crashed.
        Fail = "fail",
        /// Nothing is proven; never rounded to a pass.
        Inconclusive = "inconclusive",
        /// The lab itself failed.
        LabError = "lab-error",
    }
}

words! {
    /// What exactly happened.
    Kind {
        /// The workload ended as its manifest says.
        Finished = "finished",
        /// The workload ended, but the guest ran far slower than its calibration.
        Slow = "slow",
        /// Memory was tight for long, but reclaim and the workload made progress.
        Thrash = "thrash",
        /// The time was up, and nothing had been wrong until then: a guest that has no end of its own.
        NoTrouble = "no-trouble",

        /// Tasks loop in the allocator while a killed process never frees its memory.
        OomLivelock = "oom-livelock",
        /// Allocating tasks are stuck and busy, and the OOM killer was never started.
        SilentStall = "silent-stall",
        /// Reclaim runs without end and frees nothing.
        ReclaimLivelock = "reclaim-livelock",
        /// Allocating tasks are blocked in reclaim, and nothing wakes them.
        ReclaimDeadlock = "reclaim-deadlock",
        /// Tasks are blocked on a lock whose holder waits for them.
        LockDeadlock = "lock-deadlock",
        /// A vCPU runs with interrupts off: nothing answers, the CPU is busy.
        Spin = "spin",
        /// Nothing answers and no CPU is busy.
        Deadlock = "deadlock",
        /// The kernel answers, but PID 1 does not.
        AgentLost = "agent-lost",
        /// `INFO: task … blocked for more than … seconds`.
        HungTask = "hung-task",
        /// `BUG: soft lockup`.
        SoftLockup = "soft-lockup",
        /// `Watchdog detected hard LOCKUP`.
        HardLockup = "hard-lockup",
        /// RCU reported a stall.
        RcuStall = "rcu-stall",
        /// `BUG: workqueue lockup`.
        WorkqueueLockup = "workqueue-lockup",
        /// The guest fell silent; the evidence does not show how.
        Unresponsive = "unresponsive",

        /// `Kernel panic`, of no more special kind.
        Panic = "panic",
        /// The panic `System is deadlocked on memory`: nothing is left to kill.
        PanicDeadlockedOnMemory = "panic-deadlocked-on-memory",
        /// The panic that `panic_on_oom` asks for.
        PanicOnOom = "panic-on-oom",
        /// The panic `Attempted to kill init!`.
        InitKilled = "init-killed",
        /// The kernel oopsed.
        Oops = "oops",
        /// The machine reset itself, and the kernel had not announced it: a triple fault, for example.
        SpontaneousReset = "spontaneous-reset",
        /// The trial would have passed, but the kernel reported what `fail_on` names.
        Warned = "warned",

        /// A test reported a failure, or exited with a status other than 0.
        TestFailed = "test-failed",

        /// The kernel panicked before the agent came up.
        BootPanic = "boot-panic",
        /// The console stayed empty.
        BootSilent = "boot-silent",
        /// The kernel printed something, but the agent never came up.
        BootTimeout = "boot-timeout",
        /// The guest reset itself while booting.
        RebootLoop = "reboot-loop",
        /// The guest powered off before the agent came up.
        BootPowerOff = "boot-power-off",

        /// The workload did not end within its time, and nothing was proven to be stuck.
        LoadTimeout = "load-timeout",
        /// The workload ended in another way than its manifest says.
        WorkloadFailed = "workload-failed",
        /// The guest lives, but its SSH server does not let the lab in, or the session broke off.
        SshFailed = "ssh-failed",
        /// The machine went off before the workload had ended.
        EarlyPowerOff = "early-power-off",
        /// The host had no CPU for the guest, or no memory.
        HostOverloaded = "host-overloaded",
        /// Something looked like a hang, but not for long enough to be one.
        Unproven = "unproven",
        /// The user stopped the run.
        Interrupted = "interrupted",

        /// QEMU did not start, or never opened the guest's console.
        QemuFailed = "qemu-failed",
        /// QEMU ended without the guest having asked for it.
        QemuDied = "qemu-died",
        /// QEMU could not continue executing the guest.
        VcpuFailed = "vcpu-failed",
        /// The machine was paused from outside.
        Paused = "paused",
        /// The kernel could not be fetched or built.
        KernelUnavailable = "kernel-unavailable",
        /// The guest image could not be built.
        ImageUnavailable = "image-unavailable",
        /// The run directory could not be written.
        StoreFailed = "store-failed",
    }
}

impl Kind {
    /// The outcome that a trial of this kind has.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Finished | Self::Slow | Self::Thrash | Self::NoTrouble => Outcome::Pass,
            Self::OomLivelock
            | Self::SilentStall
            | Self::ReclaimLivelock
            | Self::ReclaimDeadlock
            | Self::LockDeadlock
            | Self::Spin
            | Self::Deadlock
            | Self::AgentLost
            | Self::HungTask
            | Self::SoftLockup
            | Self::HardLockup
            | Self::RcuStall
            | Self::WorkqueueLockup
            | Self::Unresponsive => Outcome::Hang,
            Self::Panic
            | Self::PanicDeadlockedOnMemory
            | Self::PanicOnOom
            | Self::InitKilled
            | Self::Oops
            | Self::SpontaneousReset
            | Self::Warned => Outcome::Crash,
            Self::TestFailed => Outcome::Fail,
            Self::BootPanic | Self::BootSilent | Self::BootTimeout | Self::RebootLoop | Self::BootPowerOff => {
                Outcome::BootFailed
            }
            Self::LoadTimeout
            | Self::WorkloadFailed
            | Self::SshFailed
            | Self::EarlyPowerOff
            | Self::HostOverloaded
            | Self::Unproven
            | Self::Interrupted => Outcome::Inconclusive,
            Self::QemuFailed
            | Self::QemuDied
            | Self::VcpuFailed
            | Self::Paused
            | Self::KernelUnavailable
            | Self::ImageUnavailable
            | Self::StoreFailed => Outcome::LabError,
        }
    }
}

impl From<FailureKind> for Kind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::HungTask => Self::HungTask,
            FailureKind::SoftLockup => Self::SoftLockup,
            FailureKind::HardLockup => Self::HardLockup,
            FailureKind::RcuStall => Self::RcuStall,
            FailureKind::WorkqueueLockup => Self::WorkqueueLockup,
            FailureKind::Panic => Self::Panic,
            FailureKind::PanicDeadlockedOnMemory => Self::PanicDeadlockedOnMemory,
            FailureKind::PanicOnOom => Self::PanicOnOom,
            FailureKind::InitKilled => Self::InitKilled,
            FailureKind::BootFailure => Self::BootPanic,
            FailureKind::Oops => Self::Oops,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_words_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
        }
        assert_eq!(Kind::from_word("oom-livelok"), None);
    }

    #[test]
    fn outcomes_have_kinds() {
        for outcome in Outcome::ALL {
            assert!(Kind::ALL.iter().any(|kind| kind.outcome() == *outcome), "{outcome}");
        }
    }
}
