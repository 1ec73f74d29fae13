//! What was collected of a guest that hung or crashed.

use super::Stamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of `bundle.json`.
pub const BUNDLE_SCHEMA: u32 = 1;

/// A step of the diagnosis. In the order of [`Step::ALL`] each one disturbs the guest more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The registers of all vCPUs.
    Registers,
    /// Where the vCPUs run, over time.
    Profile,
    /// Free memory, watermarks and LRU sizes, from the guest's memory.
    Memory,
    /// The kernel's log buffer, from the guest's memory: also what never reached the console.
    KernelLog,
    /// All tasks with their stacks, from the guest's memory by the kernel's debug information.
    Tasks,
    /// The guest's RAM, for `crash`; only where the user wants it.
    Dump,
    /// The kernel's answer to this sysrq letter.
    Sysrq(char),
    /// The kernel's answer to a non-maskable interrupt.
    Nmi,
}

impl Step {
    /// Every step, in the order in which they are made: the host's own means first, then what the guest's kernel has to do.
    /// sysrq-t comes late: kernels without an MMU die of it (riscv64, 6.1 to 7.2: `copy_from_kernel_nofault()`).
    pub const ALL: &[Self] = &[
        Self::Registers,
        Self::Profile,
        Self::Memory,
        Self::KernelLog,
        Self::Tasks,
        Self::Dump,
        Self::Sysrq('m'),
        Self::Sysrq('w'),
        Self::Sysrq('l'),
        Self::Sysrq('t'),
        Self::Sysrq('f'),
        Self::Nmi,
    ];

    /// The file that it leaves in the bundle.
    pub fn file(self) -> String {
        match self {
            Self::Dump => "memory.kdump".to_owned(),
            _ => format!("{self}.txt"),
        }
    }

    /// Whether the guest itself has to act: its later output may be provoked.
    pub const fn provokes(self) -> bool {
        matches!(self, Self::Sysrq(_) | Self::Nmi)
    }

    /// Whether it may be made while the guest is still judged: the host reads, and holds the guest still for moments only.
    pub const fn precedes_verdict(self) -> bool {
        !self.provokes() && !matches!(self, Self::Dump)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registers => f.write_str("registers"),
            Self::Profile => f.write_str("profile"),
            Self::Memory => f.write_str("memory"),
            Self::KernelLog => f.write_str("kernel-log"),
            Self::Tasks => f.write_str("tasks"),
            Self::Dump => f.write_str("dump"),
            Self::Sysrq(letter) => write!(f, "sysrq-{letter}"),
            Self::Nmi => f.write_str("nmi"),
        }
    }
}

/// `bundle.json`: what was done to collect the evidence, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// [`BUNDLE_SCHEMA`].
    pub schema: u32,
    /// The steps.
    pub steps: Vec<StepRecord>,
}

/// How one step went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step.
    pub step: Step,
    /// When it began.
    #[serde(rename = "began_us")]
    pub began: Stamp,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// Whether an earlier probe or step had disturbed the guest.
    pub provoked: bool,
    /// Whether it was made before the verdict, so that sysrq-f has changed nothing yet. False in bundles of labs that made every step
    /// afterwards.
    #[serde(default)]
    pub before_verdict: bool,
    /// How it ended.
    #[serde(flatten)]
    pub result: StepResult,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum StepResult {
    /// It left this file.
    Done {
        /// Name within the trial's folder.
        file: String,
    },
    /// It could not be done.
    Failed {
        /// Why.
        why: String,
    },
    /// It was cut off at its deadline.
    Late {
        /// The deadline, in seconds.
        seconds: f64,
    },
    /// It was not tried.
    Skipped {
        /// Why not.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provoking_steps_come_last() {
        let provoking = Step::ALL.iter().map(|step| step.provokes());
        assert!(provoking.is_sorted());
        assert!(Step::ALL.iter().map(|step| !step.precedes_verdict()).is_sorted());
    }

    #[test]
    fn bundle_reads_back() {
        let step = |step, result| StepRecord {
            step,
            began: Stamp::ZERO,
            took_ms: 7,
            provoked: false,
            before_verdict: false,
            result,
        };
        let bundle = Bundle {
            schema: BUNDLE_SCHEMA,
            steps: vec![
                step(Step::Registers, StepResult::Done { file: "bundle/registers.txt".to_owned() }),
                step(Step::Sysrq('m'), StepResult::Late { seconds: 5.0 }),
                step(Step::Nmi, StepResult::Skipped { why: "the machine is down".to_owned() }),
            ],
        };
        let text = serde_json::to_string(&bundle).unwrap();
        assert!(
            text.contains(r#""step":{"sysrq":"m"},"began_us":0,"took_ms":7,"provoked":false,"before_verdict":false,"result":"late""#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Bundle>(&text).unwrap(), bundle);
    }
}
