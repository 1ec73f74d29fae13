//! The Debian archive: found in the host's apt configuration, read through a private apt root.

mod apt;
#[cfg(test)]
mod apt_tests;
mod archive;
mod closure;
mod deb;
mod index;
#[cfg(test)]
pub(crate) mod samples;
mod set;
mod version;

/// The stable suite. The first with riscv64; its OpenSBI is 1.6, that of Debian 12 is 1.1.
pub(crate) const STABLE: &str = "trixie";

pub(crate) use apt::{Apt, Programs};
pub(crate) use archive::Archive;
pub(crate) use deb::{Files, decompress, open_package, path_of, read_member};
