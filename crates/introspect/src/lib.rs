//! Reads a Linux kernel from outside: its symbols, its log, its memory counters and its tasks, out of the registers and
//! the memory of the machine that it runs on. No code of the guest runs for it, so that it works on a kernel that hangs.
//!
//! # What goes in
//!
//! Bytes, from wherever the caller has them; the crate does no I/O.
//!
//! - the kernel: its image or `System.map` for [`symbols`], its BTF or DWARF for [`debuginfo`];
//! - the architecture ([`arch::Arch`]), which knows register dumps, page tables and stack frames;
//! - the machine: register dumps as QEMU's `info registers` prints them, and memory by virtual address in pieces
//!   ([`log`], [`counters`], [`profile`]) or as a whole by physical address ([`tasks::PhysicalMemory`]).
//!
//! # What comes out
//!
//! - [`symbols::Symbols`]: addresses to function names and back, and the addresses of some data;
//! - [`log`]: the records of the printk ring buffer, or its text;
//! - [`counters`]: free pages, watermarks and LRU sizes as [`model::Memory`], and the figures of [`model::Counters`];
//! - [`modules`]: names and code of the loaded modules;
//! - [`profile`]: where vCPUs spend their time, as [`model::Profile`], from sampled program counters and stacks;
//! - [`tasks`]: all tasks with their state, stack and allocation request, as the text of `tasks.txt`.
//!
//! # What is trusted
//!
//! The kernel image and its debug information may be damaged or of another kernel; the memory is whatever a guest wrote
//! there. Neither makes this crate panic, allocate without bound or loop: lists, stacks, names and buffers have a maximum,
//! and property tests hold that on arbitrary bytes. A value that contradicts what the kernel guarantees is left out, not
//! guessed. The kernel facts hold for Linux 5.10 to 7.3; each has its source file beside it.

pub mod bytes;
pub mod counters;
pub mod debuginfo;
pub mod log;
pub mod modules;
pub mod profile;
pub mod symbols;
pub mod tasks;
