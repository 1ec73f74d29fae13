//! What the lab must know of an architecture to find a kernel's tasks and to read their stacks.

use super::Paging;
use std::ops::Range;

/// How a kernel's tasks and their stacks are found in the machine's memory.
#[derive(Debug, Clone, Copy)]
pub struct StackSpec {
    /// Where RAM of so many bytes lies among the physical addresses.
    pub ram: fn(u64) -> Vec<Range<u64>>,
    /// How the vCPU with this dump of its registers translates addresses; `None` when that is not in it.
    pub paging: fn(&str) -> Option<Paging>,
    /// Bytes of a kernel stack (`THREAD_SIZE`).
    pub bytes: u64,
    /// Where the registers of a task are that does not run.
    pub saved: Saved,
    /// The registers of a running task that lead to its callers, from the dump of its vCPU.
    pub links: fn(&str) -> Option<Links>,
    /// Where a frame holds the caller's frame pointer and the return address, counted from the frame pointer.
    pub frame: (i64, i64),
    /// What the code in front of a return address calls; `None` if that is no call. The code ends at the address.
    pub call: fn(&[u8], u64) -> Option<Call>,
    /// Where the jump with which some code begins goes to; `None` if it is no direct jump.
    pub jump: fn(&[u8], u64) -> Option<u64>,
    /// Beginnings of the names of functions with which the kernel takes interrupts and exceptions; they put all registers
    /// on the stack (`struct pt_regs`).
    pub entries: &'static [&'static str],
    /// Every how many bytes an instruction may begin.
    pub step: u8,
    /// Number of the thread flag `TIF_MEMDIE`, before the architectures agreed on one.
    pub memdie: u32,
}

/// Where the registers of a task are that does not run, by the members of `struct task_struct`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// All of them in the structure itself.
    InTask {
        /// Where it will go on.
        pc: &'static str,
        /// Its stack pointer.
        sp: &'static str,
        /// Its frame pointer.
        fp: &'static str,
    },
    /// Only the stack pointer; it points to this structure.
    OnStack {
        /// The stack pointer.
        sp: &'static str,
        /// Name of the structure on the stack.
        structure: &'static str,
        /// Its member with the return address.
        pc: &'static str,
        /// Its member with the frame pointer.
        fp: &'static str,
    },
}

/// The registers of a running task that lead to its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links {
    /// The frame pointer, if the kernel has one.
    pub fp: u64,
    /// The return address, where a register holds it.
    pub ra: Option<u64>,
}

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Of the function at this address.
    Direct(u64),
    /// Of a function whose address was in a register or in memory.
    Indirect,
}

/// The last `N` bytes of some code.
pub(super) fn last<const N: usize>(code: &[u8]) -> Option<[u8; N]> {
    code.last_chunk().copied()
}
