//! Bisection that survives noise: which revision to try next, and when the culprit is known.
//!
//! A [`History`] is a commit graph between good ends and a bad one, of which exactly one commit is the culprit; a
//! revision is *affected* if it contains it. Trials of affected revisions hang with a probability *p*, trials of others
//! with a probability *q*, both unknown. A [`Bisection`] takes [`Sample`]s and decides what a free [`Slot`] should do,
//! until it has an [`Answer`]. It knows nothing of git, processes and clocks: seconds are passed in.

mod answer;
mod beta;
mod bisection;
mod breakage;
mod choice;
mod confirmation;
mod costs;
mod ends;
mod evidence;
mod history;
mod information;
mod leader;
mod naming;
mod sample;
mod settings;
mod standing;
mod step;
pub mod worlds;

pub use answer::{Answer, Candidate, Counts, Decision, Estimate, Stage, Standing, Why, Wrong};
pub use beta::Beta;
pub use bisection::Bisection;
pub use history::{History, HistoryError};
pub use sample::{Outcome, Revision, Running, Sample, Slot, Tally, Task};
pub use settings::{Settings, SettingsError};
pub use step::{Step, step};
