//! A trial in one file, for people without the lab: the guest's files, a script that boots it, and what was recorded.
//!
//! ```text
//! trial's folder, kernel, initramfs ─contents→ Entry* ─write→ <cell>.tar.zst
//! ```
//!
//! The same trial gives the same bytes, as long as the program and QEMU are the same. `crate::pack` writes other archives of entries.

mod contents;
mod entry;
mod error;
mod host_paths;
mod manifest;
mod readme;
mod tarball;
#[cfg(test)]
mod tests;

pub use contents::{Request, contents};
pub use entry::Entry;
pub use error::ArchiveError;
pub use host_paths::{Host, HostPaths};
pub use manifest::qemu_version;
pub use tarball::{Folder, start_of, write};
