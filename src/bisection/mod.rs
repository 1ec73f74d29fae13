//! Bisections that can be stopped and resumed: requests in, events out.
//!
//! ```text
//! bisections/2026-11-24-0/
//!   session.json    what is searched for, and the version of the format
//!   commits.jsonl   the history between the ends, parents first
//!   journal.jsonl   one line per build or trial, written before it is used
//!   logs/           the output of each job; trials/: the run directory of cells
//!   report.md       the report, once there is an answer
//!   trees/          worktrees, until there is an answer
//! ```
//!
//! A [`Request`] becomes a [`SessionConfig`] and a history ([`SessionDriver::start`]). [`Search`] is pure: configuration,
//! history and journal always lead to the same decisions. [`Session`] keeps them on disk, and [`SessionDriver`] carries
//! the decisions out with a [`Runner`], and notifies a [`SessionListener`].

mod bounded_log;
mod cell;
mod cell_runner;
mod command_runner;
mod command_trial;
mod commits;
mod config;
mod driver;
mod entry;
mod error;
mod event;
mod format;
mod git_log;
mod journal;
mod lists;
mod options;
mod premise;
mod prior;
mod reference;
mod regressions;
mod report;
mod request;
mod runner;
mod search;
mod session;
mod step;
mod summary;
mod verdict;

pub use cell::like_recorded;
pub use config::{BadCriterion, CellSubject, SESSION_SCHEMA, SessionConfig, Subject, Variation};
pub use driver::SessionDriver;
pub use entry::{JournalEntry, TrialResult};
pub use error::{NoResult, RequestError, SessionError};
pub use event::{RunningJob, SessionEvent, SessionListener, SkipReason};
pub use format::{format_duration, format_estimate, format_probability};
pub use git_log::git_log;
pub use options::OptionsAnswer;
pub use report::Report;
pub use request::{
    Axis, AxisRequest, CellRequest, CommitsRequest, LabContext, Limits, OptionsRequest, Request, TrialRequest,
    UnknownAxis, VersionsRequest,
};
pub use runner::{Job, JobFuture, JobOutcome, Runner};
pub use search::Search;
pub use session::{SearchOutcome, Session, SessionDir};
pub use step::{StepError, StepOutcome, StepRequest, StepVerdict};
pub use summary::{RankedCommit, Summary};
pub use verdict::{UnknownVerdict, VerdictPattern};
