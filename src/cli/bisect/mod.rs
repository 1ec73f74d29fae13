//! `oomlab bisect …` and `oomlab step`: parse, and draw.

mod args;
mod lab;
mod live;
mod print;
mod range;
mod regressions;
mod search;
mod status;
mod step;

pub use args::{BisectArgs, StepArgs};
pub use range::{Search, range};
pub use regressions::{regressions, regressions_until};
pub use search::run;
pub use step::run as step;
