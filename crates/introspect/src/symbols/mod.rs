//! The kernel's symbols, and what can be read out of a guest's registers and memory with them. Pure: the bytes come
//! from outside, and the guest's memory is not trusted.

mod bare;
mod exports;
mod kallsyms;
mod log_buffer;
mod log_ring;
mod map;
mod memory;
mod profile;
mod table;

pub use bare::Bare;
pub use kallsyms::system_map;
pub use log_buffer::log_text;
pub use log_ring::LogRing;
pub use map::parse;
pub use memory::{Counters, LRU_ITEMS, NAME_WITHIN, Node, ZONE_ITEMS, zone_name};
pub use profile::{Doing, Tally};
pub use table::{Symbol, Symbols};
