//! The course of a trial.

use super::{Stamp, Verdict};

/// How far a trial has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The agent has not said hello.
    Booting,
    /// The agent runs, the workload does not yet.
    Ready,
    /// The workload runs.
    Loading,
    /// The workload has ended.
    Finishing,
    /// There is a verdict.
    Judged,
}

impl Stage {
    /// The word for it on the terminal.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Booting => "booting",
            Self::Ready => "ready",
            Self::Loading => "loading",
            Self::Finishing => "finishing",
            Self::Judged => "judged",
        }
    }
}

/// The stages of a trial up to its verdict, as the watchdog saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// When each stage began that the trial has come to, in order; the first at the spawn.
    pub stages: Vec<(Stamp, Stage)>,
    /// When OOM kills were observed, and their number by then.
    pub kills: Vec<(Stamp, u64)>,
    /// The verdict, if it came to one.
    pub verdict: Option<Verdict>,
}
