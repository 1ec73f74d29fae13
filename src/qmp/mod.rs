//! QMP and HMP as text: one JSON object a line, and what the human monitor prints. Pure; the connection is in `host`.
//!
//! Commands, replies and events have the types of `qapi_qmp`. The connection is not that of the `qapi` crate: the lab
//! stays connected over events and replies that the types do not know, and a command that timed out does not disturb
//! the next one.

mod hmp;
mod message;
mod vcpus;

pub use hmp::{USERNET, examine_memory, forwarded_port, parse_memory};
pub use message::{Message, encode, parse};
pub use vcpus::QueryVcpus;
