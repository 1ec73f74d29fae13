//! A QMP client that outlives timeouts, unknown events and unknown values.

mod commands;
mod connection;
#[cfg(test)]
mod tests;

pub use commands::{Pause, QmpCommands, QmpError};
pub use connection::Qmp;
