//! The kernel's symbols, and what can be read out of a guest's registers and memory with them. Pure: the bytes come
//! from outside, and the guest's memory is not trusted.

mod map;
mod profile;
mod table;

pub use map::parse;
pub use profile::{Doing, Tally};
pub use table::{Symbol, Symbols};
