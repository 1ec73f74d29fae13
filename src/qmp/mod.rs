//! QMP's frames: one JSON object a line. Pure; the connection is in `host`.
//!
//! Written here rather than taken from a client library: the lab must stay connected over events and errors that it
//! does not know, and a command whose waiter gave up must not disturb the next one.

mod message;
mod monitor;

pub use message::{Message, command, parse};
pub use monitor::{show_memory, shown_memory, vcpus};
