//! The run directory: the truth about a run. Its formats carry a version; a newer one is never overwritten.

mod error;
mod json;
mod run_dir;
mod trial_dir;

pub use error::StoreError;
pub use run_dir::{RunDir, read_trial};
pub use trial_dir::{TrialDir, digest_file, read_events};
