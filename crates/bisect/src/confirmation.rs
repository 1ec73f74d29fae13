//! Further trials of the culprit and of the revisions before it.

use super::answer::Purpose;
use super::beta::Beta;
use super::leader::Leader;
use super::trial::{Outcome, Revision, Tally};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum passes that a confirmation requires of a revision.
const MAX_PASSES: u32 = 64;

/// Trials since the present leader took the lead; the trials that made it the leader do not count.
#[derive(Debug, Clone)]
pub(super) struct Confirmation {
    /// The positions of the leader.
    leader: Vec<usize>,
    /// Must fail.
    culprit: Revision,
    /// Must pass: revisions that contain the culprit's parents, but not the culprit.
    parents: BTreeSet<Revision>,
    fresh: BTreeMap<Revision, Tally>,
}

impl Confirmation {
    pub fn new(leader: &Leader, culprit: Revision, parents: BTreeSet<Revision>) -> Self {
        Self { leader: leader.members.clone(), culprit, parents, fresh: BTreeMap::new() }
    }

    /// Whether it confirms this leader.
    pub fn is_of(&self, leader: &Leader) -> bool {
        self.leader == leader.members
    }

    /// Counts a trial.
    pub fn count(&mut self, revision: Revision, outcome: Outcome) {
        self.fresh.entry(revision).or_default().count(outcome);
    }

    /// The revisions that it tries, the culprit first.
    pub fn revisions(&self) -> impl Iterator<Item = Revision> + '_ {
        [self.culprit].into_iter().chain(self.parents.iter().copied())
    }

    /// The next revision to try, while `running` gives the number of running trials of a revision; `None` once all is
    /// confirmed. `p` is the leader's failure rate: a parent must pass so often that a revision with this failure rate
    /// would do so with a probability of at most `doubt`.
    pub fn next(&self, p: Beta, doubt: f64, running: impl Fn(Revision) -> u32) -> Option<(Revision, Purpose)> {
        let passes = (1..MAX_PASSES).find(|trials| p.all_pass(*trials) <= doubt).unwrap_or(MAX_PASSES);
        let mut unconfirmed: Vec<(u32, Revision, Purpose)> = Vec::new();
        if self.fresh(self.culprit).hangs == 0 {
            unconfirmed.push((running(self.culprit), self.culprit, Purpose::ConfirmCulprit));
        }
        for revision in self.parents.iter().copied().filter(|revision| self.fresh(*revision).passes < passes) {
            unconfirmed.push((running(revision), revision, Purpose::ConfirmParent));
        }
        // The fewest running trials first; of equals the culprit, without whose failure the other trials are useless.
        unconfirmed.into_iter().min_by_key(|(running, ..)| *running).map(|(_, revision, purpose)| (revision, purpose))
    }

    fn fresh(&self, revision: Revision) -> Tally {
        self.fresh.get(&revision).copied().unwrap_or_default()
    }
}
