//! Retention: which evidence of old runs is removed, and its removal. Records stay, so that history and reports still work.

mod policy;
mod protected;
mod prune;
#[cfg(test)]
mod tests;

pub use policy::Retention;
pub use protected::OpenFailure;
pub use prune::{PrunedRun, PrunedRuns, prune};
