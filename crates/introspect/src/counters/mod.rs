//! What a kernel counts: free pages, watermarks and LRU sizes; events of memory management; the time and the context switches
//! of each CPU.

mod cpu;
mod layout;
mod memory;
mod vmstat;

pub use cpu::{CPUSTAT_BYTES, CpuSet, MAX_CPUS, cpu_counters, cpustat, is_panicked};
pub use layout::{CounterLayout, Runqueue};
pub use memory::{CounterFormat, LRU_ITEMS, MAX_NAME_WORDS, Node, zone_name};
pub use vmstat::VmstatItems;
