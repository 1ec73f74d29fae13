//! The run directory: the truth about a run. Its formats carry a version; a newer one is never overwritten.

mod brief;
mod error;
mod events;
mod further_trials;
mod input;
mod json;
mod part;
mod results;
mod run_dir;
mod run_head;
mod thinning;
mod trial_dir;

pub use brief::{BriefReader, TrialBrief};
pub use error::StoreError;
pub use events::{Events, read_events};
pub use further_trials::{FURTHER, FurtherTrials};
pub use input::{open_regular, open_stream, read_regular, read_stream};
pub use json::{read as read_json, write as write_json, write_durably, write_text};
pub use part::{MergedRun, PART, Part, Partition};
pub use results::{Results, TrialResult};
pub use run_dir::{RunDir, has_record, read_trial};
pub use run_head::{MergedName, RunHead};
pub use thinning::{Thinned, ThinningLevel, evidence_bytes, remove_evidence};
pub use trial_dir::{TrialDir, digest_file, digest_reader, write_trial};
