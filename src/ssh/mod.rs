//! Commands in guests over SSH.
//!
//! The guest is not trusted and may hang at any byte. One thread owns a connection: libssh2 is not made for several. It talks
//! to a socket pair and never blocks; the thread moves the bytes between the pair and the network, so that it always notices
//! that its client is gone, and how much the guest sends.
//!
//! ```text
//! Client ──Job──→ ┐
//! Input ──Text──→ ├ Service: channels ─ libssh2 ─ socket pair ─ Transport ─ TCP ─ guest
//! Running ←Output─┘
//! ```

mod banner;
mod capture;
mod channel;
mod client;
mod command;
mod endpoint;
mod error;
mod files;
mod greeting;
mod host_key;
mod login;
mod service;
mod status;
mod transport;
mod wake;

#[cfg(test)]
mod tests;

pub use capture::{Captured, Limits};
pub use client::Client;
pub use command::{Command, Input, Output, Pty, Running, Stdin};
pub use endpoint::Endpoint;
pub use error::SshError;
pub use status::ExitStatus;
