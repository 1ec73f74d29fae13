//! A plan with all that its cells boot, in one folder or archive: hosts with QEMU alone run it.
//!
//! ```text
//! plan, kernels, images, disks ─contents→ archive::Entry* ─Destination→ folder | NAME.tar.zst
//! folder | NAME.tar.zst ─Pack::open→ plan; Pack::files→ verified files of a cell
//! ```
//!
//! The files of the cells are objects: named by their digests, so that equal ones are there once, and no path leads out of the
//! pack. The same plan and files give the same bytes, as long as the program is the same.

mod contents;
mod destination;
mod error;
mod extract;
mod manifest;
mod open;
mod program;
mod script;
#[cfg(test)]
mod tests;

pub use contents::{PackedCell, PackedTest, Request, contents};
pub use destination::{Destination, root};
pub use error::PackError;
pub use manifest::MANIFEST;
pub use open::{CellFiles, Pack, TestFiles};
pub use program::OwnProgram;
