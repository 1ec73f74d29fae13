//! Reads a guest from outside: registers and memory through QEMU, and the kernel state in them. Independent of the watchdog and of
//! the driver.

mod counters;
mod dump;
mod error;
mod finding;
mod guest_memory;
mod kernel_log;
mod limits;
mod memory;
mod modules;
mod prober;
mod profile;
mod snapshot;
mod step;
mod symbol_cache;
mod tasks;
mod text;

pub use dump::{DUMP_TIMEOUT, dump};
pub use error::ProbeError;
pub use finding::Finding;
pub use prober::Prober;
pub use symbol_cache::{KernelDataError, SymbolCache};
