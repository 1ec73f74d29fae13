//! A cell and the paths of its files → QEMU's command line. Pure: the same input gives the same words.

mod command;
mod given;
mod words;

pub use command::{NETWORK, Paths, SCRATCH_DISK, command, gdb_device};
pub use given::{CONSOLE, Given, chardev_at, with_channels};
pub use words::kernel_words;
