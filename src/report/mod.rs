//! A run's record as text for a person, JSON, JUnit XML; a trial as a shell script, a timeline, an explanation of its verdict;
//! recorded trials that were judged again; pages for a browser; a draft of a mail to a list. Nothing here touches a file.

mod alternatives;
mod axis;
mod grid;
mod guest_file;
pub mod history;
pub mod html;
mod json;
mod junit;
mod kcidb;
mod layout;
pub mod mail;
mod markdown;
mod not_run;
mod quarantine;
mod rate;
pub mod replay;
mod root_disk;
mod script;
mod table;
mod tally;
mod text;
mod timeline;
mod why;

pub use grid::{GridCell, GridRow, first_red, grid};
pub use guest_file::GuestFile;
pub use json::{json, json_schema};
pub use junit::junit;
pub use kcidb::{Submission, SubmissionError, kcidb};
pub use layout::Style;
pub use root_disk::{KEY, PORT, SSH_OPTIONS};
pub use script::{Lookup, ScriptError, script};
pub use table::variant;
pub use text::{is_plain_word, run_name, text};
pub use timeline::timeline;
pub use why::{needs_explanation, why};
