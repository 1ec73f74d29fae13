//! The tasks of a guest that may be stuck, out of a snapshot of its memory: no code of the guest runs for it. Pure; what
//! the memory holds is not trusted.
//!
//! ```text
//! debug information ─Layout─┐
//! registers of the vCPUs ───┼─ Guest ─tasks→ Task* ─stack→ Frame* ─render→ tasks.txt
//! physical memory ──────────┘
//! ```

mod allocation;
mod gfp;
mod guest;
mod layout;
mod memory;
mod render;
mod stack;
mod state;
mod task;

#[cfg(test)]
mod samples;

pub use guest::{Guest, Vcpu};
pub use layout::Layout;
pub use memory::Physical;
pub use render::{About, render};
