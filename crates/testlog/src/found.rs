//! Results collected so far, bounded.

use model::{Subtest, excerpt};

/// Subtests that are kept of one output. The mm selftests of Linux 7.3 have 2100.
pub const MAX_SUBTESTS: usize = 5000;

/// Failures that are kept beyond those.
pub const MAX_FAILURES: usize = 100;

/// What an output says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results {
    /// At most [`MAX_SUBTESTS`], and [`MAX_FAILURES`] failures beyond those, in the order of their end.
    pub subtests: Vec<Subtest>,
    /// Subtests beyond those.
    pub dropped: u64,
    /// Why the subtests are not all that ran, or cannot be trusted: a plan that is not fulfilled, a bail-out, a test without end.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub subtests: Vec<Subtest>,
    dropped: u64,
    dropped_failures: u64,
    problem: Option<String>,
}

impl Found {
    /// Returns its place, unless it is dropped.
    pub fn push(&mut self, subtest: Subtest) -> Option<usize> {
        let max = if subtest.status.is_failure() { MAX_SUBTESTS + MAX_FAILURES } else { MAX_SUBTESTS };
        if self.subtests.len() < max {
            self.subtests.push(subtest);
            return Some(self.subtests.len() - 1);
        }
        self.dropped += 1;
        self.dropped_failures += u64::from(subtest.status.is_failure());
        None
    }

    /// Only the first problem is kept: others mostly follow from it.
    pub fn problem(&mut self, text: &str) {
        self.problem.get_or_insert_with(|| excerpt(text, Subtest::MAX_WHY));
    }

    /// `end` is what the end of the output shows to be wrong. It takes precedence over earlier problems.
    pub fn finish(self, end: Option<&str>) -> Results {
        let end = end.map(|end| excerpt(end, Subtest::MAX_WHY));
        let dropped = (self.dropped_failures > 0)
            .then(|| format!("{} more subtests failed than are kept", self.dropped_failures));
        Results { subtests: self.subtests, dropped: self.dropped, problem: end.or(self.problem).or(dropped) }
    }
}
