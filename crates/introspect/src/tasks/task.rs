//! A task, as it is read from memory.

use super::allocation::Request;
use super::locks::Awaited;
use super::stack::Frame;

/// One task of the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    /// Address of its `task_struct`.
    pub address: u64,
    pub pid: u32,
    pub tgid: u32,
    /// Process id of its parent; `None` if it cannot be read.
    pub ppid: Option<u32>,
    pub comm: String,
    pub state: char,
    /// Whether it waits in `TASK_KILLABLE`.
    pub killable: bool,
    pub flags: u64,
    pub has_mm: bool,
    pub oom_score_adj: i16,
    pub policy: Option<String>,
    pub running: Option<OnCpu>,
    pub victim: Option<Victim>,
    /// Whether `TIF_MEMDIE` is set; `None` where its number is not known.
    pub memdie: Option<bool>,
    pub stack: Stack,
    /// Stack pointer, program counter and frame pointer with which it resumes, if it is not on a CPU.
    pub resume: Option<[u64; 3]>,
    /// Its allocation request, if it is found on the stack.
    pub request: Option<Request>,
    /// The lock that it waits for, if that is found on the stack.
    pub awaited: Option<Awaited>,
}

/// The CPU that a task is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OnCpu {
    /// The kernel's number of the CPU, where it is known.
    pub cpu: Option<u32>,
    /// The vCPU whose registers are the task's.
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
    /// The kernel has freed it.
    Released,
    /// It cannot be read.
    Unreadable,
    /// Innermost frame first.
    Frames(Vec<Frame>),
}

impl Task {
    /// The task among all that holds the lock that this one waits for.
    pub fn lock_owner<'t>(&self, tasks: &'t [Self]) -> Option<&'t Self> {
        let owners = &self.awaited.as_ref()?.owners;
        owners.iter().find_map(|owner| tasks.iter().find(|task| task.address == *owner))
    }

    pub fn frames(&self) -> &[Frame] {
        match &self.stack {
            Stack::Frames(frames) => frames,
            Stack::Released | Stack::Unreadable => &[],
        }
    }
}
