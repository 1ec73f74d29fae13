//! The tasks of a guest that may hang, from a snapshot of its memory.
//!
//! ```text
//! debug information ─Layout─┐
//! registers of the vCPUs ───┼─ Guest ─tasks→ Task* ─stack→ Frame* ─render→ tasks.txt
//! physical memory ──────────┘                             └decisive→ model::Tasks
//! ```

mod allocation;
mod decisive;
mod error;
mod gfp;
mod guest;
mod layout;
mod locks;
mod memory;
mod render;
mod stack;
mod state;
mod task;

#[cfg(test)]
mod samples;

pub use decisive::decisive;
pub use error::{MissingMember, TasksError};
pub use guest::{Guest, Vcpu};
pub use layout::Layout;
pub use memory::PhysicalMemory;
pub use render::{Source, render};
