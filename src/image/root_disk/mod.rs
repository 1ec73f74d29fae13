//! Root disks of guests: a file with an ext4 file system, Debian's packages and an OpenSSH server; made without root and without
//! maintainer scripts.
//!
//! ```text
//! images/*.yaml ─read→ RootDiskSpec ─┐
//! packages ─unpack→ folder           ├→ folder ─mke2fs→ file, owned by root inside
//! new keys ─files→ configuration ────┘
//! ```
//!
//! QEMU writes to a copy of the file's blocks (`snapshot=on`): the file itself never changes. The guest's init mounts it, with proc,
//! sysfs, devtmpfs, devpts, and tmpfs on `/run`; makes `/run/sshd`, without which sshd does not start; and runs
//! `/usr/sbin/sshd -D -e` in it, or `/usr/lib/oomlab/init` of a disk with an init, which does the rest.

mod description;
mod disks;
mod files;
mod filesystem;
mod install;
mod keys;
mod of_images;
mod owner;
mod record;
mod systemd;
#[cfg(test)]
mod tests;

pub use description::{Init, RootDiskSpec, read_root_disk};
pub use disks::{RootDisk, RootDisks};
