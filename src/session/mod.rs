//! A bisection of a git repository that can be stopped and gone on with: its folder, its journal, and the trials that run.
//!
//! ```text
//! bisections/2026-11-24-0/
//!   session.json    what was asked for, and the format's version
//!   commits.jsonl   the history between the ends, parents first
//!   journal.jsonl   one line a trial, written before it is used
//!   logs/           what each trial printed
//!   trees/          worktrees, as long as the search goes on
//! ```
//!
//! [`Search`] is pure: head, commits and journal lead to the same decision at any time. [`Session`] keeps them in a folder, and
//! [`run`] feeds them.

mod answer;
mod commands;
mod error;
mod folder;
mod git_log;
mod journal;
mod record;
mod reference;
mod report;
mod run;
mod runner;
mod search;
mod trial;

pub use answer::{Named, Summary};
pub use commands::Commands;
pub use error::SessionError;
pub use folder::{Session, first_free};
pub use git_log::git_log;
pub use record::{Bad, CellSubject, Ended, Entry, Head, SESSION_SCHEMA, Subject, Vary};
pub use reference::{Reference, word};
pub use report::{precise, report, status};
pub use run::{Happened, Observer, Running, run};
pub use runner::{Came, Coming, Job, Runner};
pub use search::Search;
pub use trial::{LONGEST, too_long};
