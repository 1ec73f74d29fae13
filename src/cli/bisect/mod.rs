//! `oomlab bisect …` and `oomlab step`: which commit brought it.

mod args;
mod commits;
mod live;
mod step;

pub use args::{BisectArgs, StepArgs};
pub use commits::run;
pub use step::run as step;
