//! The kernel's log, out of its ring buffer in memory.

mod ring;
mod text;

pub use ring::LogRing;
pub use text::log_text;
