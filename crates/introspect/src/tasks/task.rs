//! One task.

use super::allocation::Request;
use super::stack::Frame;

/// What is shown of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub pid: u32,
    pub tgid: u32,
    /// Process id of its parent; `None` when that cannot be read.
    pub ppid: Option<u32>,
    pub comm: String,
    pub state: char,
    /// Whether only a fatal signal wakes it.
    pub killable: bool,
    pub flags: u64,
    pub has_mm: bool,
    pub oom_score_adj: i16,
    pub policy: Option<String>,
    pub running: Option<Running>,
    pub victim: Option<Victim>,
    /// Whether `TIF_MEMDIE` is set; `None` where its number is not known.
    pub memdie: Option<bool>,
    pub stack: Stack,
    /// What it asks the allocator for, where the stack tells.
    pub request: Option<Request>,
}

/// Where a task runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Running {
    /// The kernel's number of the CPU, where it is known.
    pub cpu: Option<u32>,
    /// The vCPU whose registers were used.
    pub vcpu: Option<u32>,
    /// Whether it was outside the kernel.
    pub user: bool,
}

/// What makes a task an OOM victim: `signal->oom_mm` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Victim {
    /// Whether `MMF_OOM_SKIP` of that mm is set; `None` when it cannot be read.
    pub oom_skip: Option<bool>,
}

/// A kernel stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stack {
    /// The task has given it back.
    Released,
    /// It cannot be read.
    Unreadable,
    /// From the inside out.
    Frames(Vec<Frame>),
}

impl Task {
    pub fn frames(&self) -> &[Frame] {
        match &self.stack {
            Stack::Frames(frames) => frames,
            Stack::Released | Stack::Unreadable => &[],
        }
    }
}
