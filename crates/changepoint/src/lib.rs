//! The failure rate of a noisy test over many runs: when it changed, and what to call that.
//!
//! A trial fails with an unknown probability, the *rate* of its test, which is constant until it changes. A run of a test
//! is a [`Position`]: its failed and passed trials. [`segments`] divides a series of runs into the most likely segments of
//! constant rate and says when each began. [`assess`] names the latest run with one word, a [`Trend`], and says how many
//! further trials would show a change that is only suspected.
//!
//! The rate of a segment has a [`Beta`](bisect::Beta) prior and is integrated out, as in the `bisect` crate. The weights of a
//! [`Start`] are the prior of a bisection between the commits of those runs.
//!
//! Everything is a pure function of its inputs: the crate knows nothing of files and clocks.
//!
//! # Example
//!
//! ```
//! use changepoint::{Expectation, Position, Settings, Trend, assess};
//!
//! // Sixty nights of three passes, then one failure in three trials.
//! let mut nights = vec![Position { failures: 0, passes: 3 }; 60];
//! nights.push(Position { failures: 1, passes: 2 });
//! let first = assess(&nights, Expectation::Pass, &Settings::default());
//! assert_eq!(first.trend, Trend::Undecided);
//!
//! // Half of the further trials fail, too.
//! let trials = first.trials_to_decide.expect("it is undecided");
//! nights[60] = nights[60] + Position { failures: trials.div_ceil(2), passes: trials / 2 };
//! let second = assess(&nights, Expectation::Pass, &Settings::default());
//! assert_eq!(second.trend, Trend::New);
//! assert_eq!(second.change.expect("the rate has changed").first, 60);
//! ```
//!
//! `cargo run --release -p changepoint --example simulated-year` compares this with the rules of other test systems.

mod assess;
mod position;
mod retry;
mod segment;
mod series;
mod settings;
mod trend;

pub use assess::{Assessment, Expectation, assess};
pub use position::{Position, Rate};
pub use segment::{Segment, Start, segments};
pub use settings::{Settings, SettingsError};
pub use trend::Trend;
