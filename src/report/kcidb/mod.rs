//! A run for KCIDB, the database of kernel CI results: JSON by schema 5.3 of `kcidb-io`; `docs/kcidb.md` explains the mapping.

mod document;
mod id;
mod issue;
mod object;
mod status;
mod submission;

pub use document::kcidb;
pub use submission::{Submission, SubmissionError};
