//! An observer for tests that look at the record alone.

use model::{Cell, TrialRecord};
use oomlab::lab::{Observer, Status};

/// Ignores the progress of a run.
pub struct NullObserver;

impl Observer for NullObserver {
    fn started(&self, _: usize, _: &Cell, _: u32) {}
    fn status(&self, _: usize, _: Status) {}
    fn finished(&self, _: usize, _: &TrialRecord) {}
}
