//! Bisection of failures that do not show in every trial: which revision to try next, and when the culprit is certain.
//!
//! `git bisect` believes every trial. A kernel that hangs in two boots of five then passes for good sooner or later, and
//! the rest of the search looks in the wrong half. This crate counts all trials of all revisions instead, with Bayesian
//! inference:
//!
//! * A [`History`] is a commit graph, merges included, between good ends and a bad end. Exactly one of the commits in
//!   between is the *culprit*; a revision is *affected* if it contains the culprit.
//! * A trial of an affected revision fails with a probability *p*, a trial of any other revision with a probability *q*.
//!   Both are unknown: they have [`Beta`] priors and are integrated out.
//! * A [`Bisection`] takes [`Sample`]s, and decides what a free [`Slot`] does next: the build or trial with the highest
//!   expected information per second. Builds may run in parallel with trials, and their durations are learned.
//! * It stops with an [`Answer`]: one commit whose probability reaches [`Settings::target`] and whose further trials
//!   agree; a set of commits between which no revision can be tried; or the news that the good end fails, too, or that
//!   the bad end does not.
//!
//! Everything is a pure function of its inputs: the crate knows nothing of git, processes and clocks, and durations are
//! arguments. A journal of samples replays to the same decisions.
//!
//! # Example
//!
//! A flaky test: since commit 37 of 100 it fails in three trials of ten, before never.
//!
//! ```
//! use bisect::{Answer, Bisection, Decision, History, Outcome, Sample, Settings, Slot};
//!
//! // Stands for a checkout of the commit and a run of the test.
//! fn run_test(revision: u32, trial: usize) -> Outcome {
//!     let fails = revision >= 37 && (revision as usize + 7 * trial) % 10 < 3;
//!     if fails { Outcome::Hang } else { Outcome::Pass }
//! }
//!
//! // Revision 0 is good, revision 100 is bad.
//! let history = History::line(101)?;
//! let mut search = Bisection::new(history, Settings { target: 0.99, ..Settings::default() })?;
//! let mut trials = vec![0; 101];
//! let answer = loop {
//!     // One job at a time, which may build as well: nothing else is running.
//!     match search.decide(Slot::Any, &[]) {
//!         Decision::Run { revision, .. } => {
//!             let trial = &mut trials[revision as usize];
//!             let outcome = run_test(revision, *trial);
//!             *trial += 1;
//!             search.record(Sample { revision, outcome, seconds: 60.0 })?;
//!         }
//!         Decision::Done(answer) => break answer,
//!         Decision::Wait => unreachable!("nothing is running"),
//!     }
//! };
//! let Answer::Culprit { commit, probability, confirmed, .. } = answer else { panic!("{answer:?}") };
//! assert_eq!(commit, 37);
//! assert!(probability >= 0.99 && confirmed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Tests that cannot tell, or revisions that do not build, are [`Outcome::Skipped`]; failures of another kind are
//! [`Outcome::Other`] and count for neither side. To hunt a *fix*, record failures as [`Outcome::Pass`] and the other
//! way round, with [`Settings::inverted`].
//!
//! A bad end that only passes ends the search once [`Settings::min_p`] is excluded. [`Settings::at_rate`] searches for rarer
//! failures.
//!
//! [`step`] judges a single revision, for use under `git bisect run`.
//!
//! # Comparison
//!
//! `cargo run --release -p bisect --example simulate` compares this search with `git bisect run` and with git_bayesect
//! in generated histories with a known culprit.

mod answer;
mod beta;
mod bisection;
mod breakage;
mod choice;
mod confirmation;
mod costs;
mod evidence;
mod exclusion;
mod history;
mod information;
mod leader;
mod premise;
mod progress;
mod ranking;
mod settings;
mod step;
mod trial;
mod wilson;

pub use answer::{Answer, Candidate, Counts, Decision, Estimate, InvalidPremise, Progress, Purpose, Stage};
pub use beta::Beta;
pub use bisection::Bisection;
pub use history::{History, HistoryError};
pub use settings::{Settings, SettingsError};
pub use step::{Step, step};
pub use trial::{Outcome, Revision, Running, Sample, Slot, Tally, Task};
pub use wilson::wilson;
