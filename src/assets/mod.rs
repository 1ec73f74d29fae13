//! The built-in files of the program: the guest's C sources, workloads, kernel descriptions.
//!
//! They are built into the program, so that an installed `oomlab` needs no checkout beside it. The user's
//! folder, laid out like the repository (`images/…`, `kernels/…`), overrides them file by file.

mod files;
mod overlay;

pub use files::{Assets, is_stem};
