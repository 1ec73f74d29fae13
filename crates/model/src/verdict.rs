//! The judgement on one trial.

use super::{Stamp, Task};
use kmsg::signature::FailureKind;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word for it in files and on the command line.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value that a word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// How a trial ended. Kernel misbehaviour and a fault of the lab are never the same outcome.
    Outcome {
        /// The guest did what a healthy one does.
        Pass = "pass",
        /// The guest stopped making progress.
        Hang = "hang",
        /// The kernel panicked or oopsed.
        Crash = "crash",
        /// The guest never came up.
        BootFailed = "boot-failed",
        /// What was seen does not prove anything; never rounded to a pass.
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
        /// Memory was tight for long, but reclaim and the workload advanced.
        Thrash = "thrash",

        /// Tasks loop in the allocator while a killed process never frees its memory.
        OomLivelock = "oom-livelock",
        /// Allocating tasks are stuck and busy, and the OOM killer was never started.
        SilentStall = "silent-stall",
        /// Reclaim runs without end and frees nothing.
        ReclaimLivelock = "reclaim-livelock",
        /// Allocating tasks sleep in reclaim and nobody wakes them.
        ReclaimDeadlock = "reclaim-deadlock",
        /// Tasks sleep on a lock whose holder waits for them.
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
        /// The guest fell silent; what is known does not say how.
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
        /// The machine went off before the workload had ended.
        EarlyPowerOff = "early-power-off",
        /// The host had no CPU left for the guest.
        HostOverloaded = "host-overloaded",
        /// Something looked like a hang, but not for long enough to be one.
        Unproven = "unproven",
        /// The user stopped the run.
        Interrupted = "interrupted",

        /// QEMU did not start, or never opened the guest's console.
        QemuFailed = "qemu-failed",
        /// QEMU ended without the guest having asked for it.
        QemuDied = "qemu-died",
        /// QEMU could not go on executing the guest.
        VcpuFailed = "vcpu-failed",
        /// Somebody paused the machine over QMP.
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
            Self::Finished | Self::Slow | Self::Thrash => Outcome::Pass,
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
            Self::Panic | Self::PanicDeadlockedOnMemory | Self::PanicOnOom | Self::InitKilled | Self::Oops => {
                Outcome::Crash
            }
            Self::BootPanic | Self::BootSilent | Self::BootTimeout | Self::RebootLoop | Self::BootPowerOff => {
                Outcome::BootFailed
            }
            Self::LoadTimeout
            | Self::WorkloadFailed
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

/// The judgement on one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What happened; its outcome follows from it.
    pub kind: Kind,
    /// One sentence for a person.
    pub summary: String,
    /// What went wrong with the guest's kernel, in words that are the same from boot to boot; by it trials are grouped. `None` where
    /// nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The rule that fired, by name.
    pub rule: String,
    /// How sure the rule is, from 0 to 1.
    pub confidence: f32,
    /// When the trouble began: the last sign of progress before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<Onset>,
    /// The process that the OOM killer chose and that did not go away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub victim: Option<Task>,
    /// The task that is stuck or that crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// At most three console lines that matter, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// What the judgement rests on, most telling first, each a phrase for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grounds: Vec<String>,
    /// What argued against this judgement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub against: Vec<String>,
}

impl Verdict {
    /// The rule of verdicts that the lab gives by itself because it could not make a trial ready.
    pub const PREPARE: &'static str = "prepare";

    /// The rule of verdicts that the lab gives by itself because it could not bring a trial to its end.
    pub const DRIVER: &'static str = "driver";

    /// A verdict of this kind, sure of itself, with nothing else known.
    pub fn new(kind: Kind, rule: &str, summary: impl Into<String>) -> Self {
        Self {
            kind,
            summary: summary.into(),
            title: None,
            rule: rule.to_owned(),
            confidence: 1.0,
            onset: None,
            victim: None,
            task: None,
            lines: Vec::new(),
            grounds: Vec::new(),
            against: Vec::new(),
        }
    }

    /// The outcome.
    pub const fn outcome(&self) -> Outcome {
        self.kind.outcome()
    }

    /// Whether the lab gave it by itself: no rule has judged the guest.
    pub fn is_the_labs_own(&self) -> bool {
        self.rule == Self::PREPARE || self.rule == Self::DRIVER
    }
}

/// When trouble began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Onset {
    /// Host time since the spawn.
    pub host: Stamp,
    /// The guest's own clock in seconds, as printk shows it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_s: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_unique_and_reads_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
        }
        assert_eq!(Kind::from_word("oom-livelok"), None);
    }

    #[test]
    fn every_outcome_has_a_kind() {
        for outcome in Outcome::ALL {
            assert!(Kind::ALL.iter().any(|kind| kind.outcome() == *outcome), "{outcome}");
        }
    }
}
