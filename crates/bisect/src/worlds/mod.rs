//! Worlds with a known culprit, in which ways to bisect are compared.
//!
//! Time is counted in trials: a trial takes one, a build [`BUILD`]. The ends are built for everybody.

mod bayesect;
mod git;
mod markdown;
mod ours;
mod picture;
mod random;
mod table;
mod world;

pub use markdown::markdown;
pub use picture::picture;
pub use table::{Measured, Policy, ROWS, Row, table};
pub use world::{BUILD, Shape, World};

use super::sample::Revision;

/// What a policy says in one world, and what it took.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Found {
    /// The commits that it names; none if it gave up.
    pub named: Vec<Revision>,
    pub trials: u32,
    /// Builds that were begun, also those that failed.
    pub builds: u32,
    /// Until the answer, in trials.
    pub time: f64,
}
