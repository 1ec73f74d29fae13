//! A trial in one file, for people without the lab: the guest's files, a script that boots it, and what was recorded.
//!
//! ```text
//! trial's folder, kernel, initramfs ─contents→ Entry* ─Destination→ <cell>.tar.zst
//! ```
//!
//! A run in one file, for another machine of the lab: its folder as it is.
//!
//! ```text
//! run's folder ─pack_run→ <run>.tar.zst ─unpack_run→ run's folder
//! ```
//!
//! The same trial gives the same bytes, as long as the program and QEMU are the same. `crate::pack` writes other archives
//! of entries, and reads them with the same [`Reader`].

mod contents;
mod destination;
mod entry;
mod error;
mod host_paths;
mod manifest;
mod reader;
mod readme;
mod run;
#[cfg(test)]
mod run_tests;
mod save;
mod tarball;
#[cfg(test)]
mod tests;
mod unpack;

pub use contents::{Request, contents};
pub use destination::Destination;
pub use entry::Entry;
pub use error::ArchiveError;
pub use host_paths::{Host, HostPaths};
pub use manifest::qemu_version;
pub use reader::{Limits, Member, ReadError, Reader, damaged};
pub use run::{folder_name, pack_run};
pub use save::{SaveError, save};
pub use tarball::{Folder, Packed, seconds_of};
pub use unpack::unpack_run;
