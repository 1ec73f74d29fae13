//! Nights: a configuration, the state of a night on disk, what it has found, and commands of the user's around it.
//!
//! ```text
//! runs/nights/2026-11-30-0/
//!   night.json              what has been done; a night that died is resumed from it
//!   summary.txt             what was found
//!   before.log, hook.log    the output of the user's commands
//!   mail-N.txt              drafts of mails about what is new or worse
//! ```
//!
//! `cli::nightly` carries a night out.

mod allotment;
mod config;
mod file;
mod job;
mod known;
mod night;
mod outcome;
#[cfg(test)]
mod samples;
mod schema;
mod summary;
mod words;

pub use allotment::allot;
pub use config::{Job, NightlyConfig};
pub use job::{JobError, run_job};
pub use known::{RunTrends, unexpected};
pub use night::{Night, NightDir, NightRun, StartError, Started, nights};
pub use outcome::{Counts, NightResult};
pub use schema::json_schema;
pub use summary::{Finding, Summary};
