//! `oomlab bisect …` and `oomlab step`: which commit brought it.

mod args;
mod commits;
mod lists;
mod live;
mod session;
mod simulate;
mod step;
mod subject;

pub use args::{BisectArgs, StepArgs};
pub use session::run;
pub use step::run as step;
