//! The connection to QEMU's QMP monitor.

mod commands;
mod connection;
#[cfg(test)]
mod tests;

pub use commands::{Pause, QmpCommands, QmpError};
pub use connection::Qmp;
