//! What is needed of an architecture to find a kernel's tasks and to unwind their stacks.

use super::{PageTableEntry, Paging};
use std::ops::Range;

/// How a kernel's tasks and their stacks are found in the machine's memory.
#[derive(Debug, Clone, Copy)]
pub struct StackSpec {
    /// Physical address ranges of this many bytes of RAM.
    pub ram: fn(u64) -> Vec<Range<u64>>,
    /// How the kernel's page tables are found.
    pub page_tables: PageTables,
    /// Bytes of a kernel stack (`THREAD_SIZE`).
    pub thread_size: u64,
    /// Where the registers of a task are that is not on a CPU.
    pub saved_registers: SavedRegisters,
    /// The registers of a vCPU that lead to the callers of its function, from its register dump.
    pub frame_registers: fn(&str) -> Option<FrameRegisters>,
    /// Layout of a stack frame.
    pub frame: FrameLayout,
    /// Decodes the call that ends at a return address, given the code in front of it and that address; `None` if there
    /// is no call.
    pub decode_call: fn(&[u8], u64) -> Option<CallTarget>,
    /// Target of the direct jump with which some code begins, given the code and its address; `None` if it begins with
    /// something else.
    pub decode_jump: fn(&[u8], u64) -> Option<u64>,
    /// Prefixes of the names of functions that take interrupts and exceptions; they save all registers on the stack
    /// (`struct pt_regs`).
    pub exception_entries: &'static [&'static str],
    /// Instructions are aligned to this many bytes.
    pub instruction_align: u8,
    /// Number of the thread flag `TIF_MEMDIE` before the architectures agreed on one (`asm/thread_info.h`).
    pub tif_memdie: u32,
}

/// How a kernel's page tables are found in the machine's memory.
#[derive(Debug, Clone, Copy)]
pub enum PageTables {
    /// From the register dump of a vCPU: how it translates addresses; `None` if the dump lacks a register for that.
    Registers(fn(&str) -> Option<Paging>),
    /// By search: the register dump does not have their address. The top level table is a page through which a variable of the
    /// kernel is found.
    Search {
        /// Numbers of levels that kernels are built with.
        levels: &'static [u8],
        /// See [`Paging::Tables`].
        decode_entry: fn(u64) -> PageTableEntry,
    },
}

/// Where the registers of a task are that is not on a CPU, by members of `struct task_struct`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SavedRegisters {
    /// All of them in the structure itself.
    InTask {
        /// Member with the address at which the task resumes.
        pc: &'static str,
        /// Member with its stack pointer.
        sp: &'static str,
        /// Member with its frame pointer.
        fp: &'static str,
    },
    /// Only the stack pointer; it points to a structure on the stack that has the rest.
    OnStack {
        /// Member with the stack pointer.
        sp: &'static str,
        /// Name of the structure on the stack.
        structure: &'static str,
        /// Member of that structure with the return address.
        pc: &'static str,
        /// Member of that structure with the frame pointer.
        fp: &'static str,
    },
}

/// The registers of a vCPU that lead to the callers of its function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRegisters {
    /// The frame pointer; any value where the kernel is built without.
    pub fp: u64,
    /// The return address, on architectures with a register for it.
    pub ra: Option<u64>,
}

/// What a stack frame holds, in bytes from its frame pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLayout {
    /// The caller's frame pointer.
    pub fp: i64,
    /// The return address.
    pub ra: i64,
}

/// What a call instruction calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallTarget {
    /// The function at this address.
    Direct(u64),
    /// A function whose address was in a register or in memory.
    Indirect,
}
