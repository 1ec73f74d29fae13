//! Several runs of one matrix as the run that one machine would have made.
//!
//! ```text
//! folders ─read→ Source* ─combine→ Merged ─write→ folder
//! ```
//!
//! All that is merged is a union or the greater one of two, so that it counts neither in which order nor how often runs are merged.

mod combine;
mod error;
mod source;
#[cfg(test)]
mod tests;
mod write;

pub use combine::{Merged, combine};
pub use error::MergeError;
pub use source::{Source, read};
pub use write::write;
