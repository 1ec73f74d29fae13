//! `oomlab bisect …` and `oomlab step`: which commit brought it.

mod args;
mod commits;
mod config;
mod lists;
mod live;
mod regressions;
mod session;
mod simulate;
mod step;
mod subject;

pub use args::{BisectArgs, LabArgs, StepArgs};
pub use regressions::regressions;
pub use session::run;
pub use step::run as step;
