//! The culprit and what stands before it, tried once more.

use super::answer::Why;
use super::beta::Beta;
use super::leader::Leader;
use super::sample::{Outcome, Revision, Tally};
use std::collections::{BTreeMap, BTreeSet};

/// Passes that are asked for at most.
const MOST_PASSES: u32 = 64;

/// Trials since one leader stands, apart from those that made it the leader.
#[derive(Debug, Clone)]
pub(super) struct Confirmation {
    /// What is confirmed.
    leader: Vec<usize>,
    /// What must hang.
    culprit: Revision,
    /// What must pass: revisions that contain the culprit's parents, but not the culprit.
    before: BTreeSet<Revision>,
    fresh: BTreeMap<Revision, Tally>,
}

impl Confirmation {
    pub fn new(leader: &Leader, culprit: Revision, before: BTreeSet<Revision>) -> Self {
        Self { leader: leader.members.clone(), culprit, before, fresh: BTreeMap::new() }
    }

    /// Whether it is this leader that is confirmed.
    pub fn is_of(&self, leader: &Leader) -> bool {
        self.leader == leader.members
    }

    /// Takes a trial.
    pub fn count(&mut self, revision: Revision, outcome: Outcome) {
        self.fresh.entry(revision).or_default().count(outcome);
    }

    /// What is tried again: the culprit first.
    pub fn revisions(&self) -> impl Iterator<Item = Revision> + '_ {
        [self.culprit].into_iter().chain(self.before.iter().copied())
    }

    /// What is to be tried next, when `running` trials of a revision have not ended; `None` once all is confirmed. *p* is
    /// that of the leader, and what stands before it must pass so often that a revision with this *p* would do so with
    /// at most the probability `doubt`.
    pub fn next(&self, p: Beta, doubt: f64, running: impl Fn(Revision) -> u32) -> Option<(Revision, Why)> {
        let passes = (1..MOST_PASSES).find(|trials| p.all_pass(*trials) <= doubt).unwrap_or(MOST_PASSES);
        let mut open: Vec<(u32, Revision, Why)> = Vec::new();
        if self.fresh(self.culprit).hangs == 0 {
            open.push((running(self.culprit), self.culprit, Why::ConfirmsCulprit));
        }
        for revision in self.before.iter().copied().filter(|revision| self.fresh(*revision).passes < passes) {
            open.push((running(revision), revision, Why::ConfirmsParent));
        }
        // What runs least; of equals the culprit, since without its hang the rest is in vain.
        open.into_iter().min_by_key(|(running, ..)| *running).map(|(_, revision, why)| (revision, why))
    }

    fn fresh(&self, revision: Revision) -> Tally {
        self.fresh.get(&revision).copied().unwrap_or_default()
    }
}
