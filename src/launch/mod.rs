//! A cell and the paths of its files → QEMU's command line. Pure: the same input gives the same words.

mod command;
mod words;

pub use command::{Paths, SCRATCH_DISK, command};
pub use words::kernel_words;
