//! Findings about what the user wrote: a text, its places, what is wrong at them, and what was probably meant.
//!
//! A matrix is read as a tree (`parse`), a kernel's or workload's description by its type (`Document`).

mod document;
mod finding;
mod source;
mod suggest;
mod yaml;

pub(crate) use document::{Document, Step};
pub use finding::{BrokenFile, Diagnostic, Level, Place};
pub(crate) use source::{At, Findings, Span, Text, utf8};
pub(crate) use suggest::{closest, did_you_mean, listed};
pub(crate) use yaml::{Node, Value, parse};
