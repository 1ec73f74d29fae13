//! Offsets of the members that are read in the kernel's structures.

use super::error::MissingMember;
use super::locks::LockLayout;
use crate::debuginfo::{Field, Types, field, size};
use arch::{SavedRegisters, StackSpec};

/// Offsets in one kernel's structures.
#[derive(Debug, Clone)]
pub struct Layout {
    pub(super) task: TaskLayout,
    pub(super) signal: SignalLayout,
    /// `mm_struct.flags`.
    pub(super) mm_flags: Field,
    pub(super) saved_registers: SavedLayout,
    /// `struct scan_control` of reclaim.
    pub(super) reclaim: Option<RequestLayout>,
    /// `struct oom_control` of the OOM killer.
    pub(super) oom: Option<RequestLayout>,
    /// Sleeping locks.
    pub(super) locks: Vec<LockLayout>,
}

/// Members of `struct task_struct`; members of some configurations only are optional.
#[derive(Debug, Clone)]
pub(super) struct TaskLayout {
    pub tasks: Field,
    pub thread_node: Field,
    pub state: Field,
    pub exit_state: Field,
    pub flags: Field,
    pub pid: Field,
    pub tgid: Field,
    pub comm: Field,
    pub real_parent: Field,
    pub mm: Field,
    pub signal: Field,
    pub stack: Field,
    pub policy: Field,
    pub rt_priority: Field,
    pub on_cpu: Option<Field>,
    pub cpu: Option<Field>,
    pub thread_flags: Option<Field>,
}

/// Members of `struct signal_struct`.
#[derive(Debug, Clone)]
pub(super) struct SignalLayout {
    pub thread_head: Field,
    pub oom_mm: Field,
    pub oom_score_adj: Field,
}

/// Where the registers of a task are that is not on a CPU.
#[derive(Debug, Clone, Copy)]
pub(super) struct SavedLayout {
    pub sp: Field,
    pub pc: Field,
    pub fp: Field,
    /// Bytes of the structure on the stack that `pc` and `fp` are in; else they are in the task.
    pub on_stack: Option<u64>,
}

/// A structure on the stack that holds an allocation request in progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLayout {
    pub size: u64,
    pub gfp: Field,
    pub order: Field,
    /// `nr_to_reclaim` of reclaim, `zonelist` of the OOM killer: the first member.
    pub first: Field,
    /// Of reclaim.
    pub priority: Option<Field>,
}

impl Layout {
    /// Finds the members in a kernel's types.
    ///
    /// # Errors
    /// When the debug information lacks one.
    pub fn of(types: &dyn Types, spec: &StackSpec) -> Result<Self, MissingMember> {
        let missing = |structure, member| MissingMember { structure, member };
        let at = |structure, member| field(types, structure, member).ok_or(missing(structure, member));
        let task = |member| at("task_struct", member);
        let either = |new, old| task(new).or_else(|_| task(old));
        let signal = |member| at("signal_struct", member);
        let request = |structure: &str, first: &str| {
            let member = |path: &str| field(types, structure, path);
            Some(RequestLayout {
                size: size(types, structure)?,
                gfp: member("gfp_mask")?,
                order: member("order")?,
                first: member(first)?,
                priority: member("priority"),
            })
        };
        Ok(Self {
            task: TaskLayout {
                tasks: task("tasks")?,
                thread_node: task("thread_node")?,
                // Before 5.14 it was read and written under another name.
                state: either("__state", "state")?,
                exit_state: task("exit_state")?,
                flags: task("flags")?,
                pid: task("pid")?,
                tgid: task("tgid")?,
                comm: task("comm")?,
                real_parent: task("real_parent")?,
                mm: task("mm")?,
                signal: task("signal")?,
                stack: task("stack")?,
                policy: task("policy")?,
                rt_priority: task("rt_priority")?,
                // Only with CONFIG_SMP until 6.16.
                on_cpu: task("on_cpu").ok(),
                // Before 5.16 it was beside `thread_info` with some architectures.
                cpu: either("thread_info.cpu", "cpu").ok(),
                thread_flags: task("thread_info.flags").ok(),
            },
            signal: SignalLayout {
                thread_head: signal("thread_head")?,
                oom_mm: signal("oom_mm")?,
                oom_score_adj: signal("oom_score_adj")?,
            },
            mm_flags: at("mm_struct", "flags")?,
            saved_registers: match spec.saved_registers {
                SavedRegisters::InTask { pc, sp, fp } => {
                    SavedLayout { sp: task(sp)?, pc: task(pc)?, fp: task(fp)?, on_stack: None }
                }
                SavedRegisters::OnStack { sp, structure, pc, fp } => SavedLayout {
                    sp: task(sp)?,
                    pc: at(structure, pc)?,
                    fp: at(structure, fp)?,
                    on_stack: Some(size(types, structure).ok_or(missing(structure, pc))?),
                },
            },
            reclaim: request("scan_control", "nr_to_reclaim"),
            oom: request("oom_control", "zonelist"),
            locks: LockLayout::all(types),
        })
    }
}
