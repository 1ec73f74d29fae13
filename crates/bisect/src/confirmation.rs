//! Further trials of the culprit and of the revisions before it.

use super::answer::Purpose;
use super::beta::Beta;
use super::leader::Leader;
use super::trial::{Outcome, Revision, Tally};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum passes that a confirmation requires of a revision, unless more are needed to exclude the least rate.
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
    /// Maximum passes or failures that it requires of a revision.
    max_passes: u32,
}

impl Confirmation {
    /// `excluding_passes` is the number of passes that excludes the least rate.
    pub fn new(leader: &Leader, culprit: Revision, parents: BTreeSet<Revision>, excluding_passes: u32) -> Self {
        let max_passes = excluding_passes.max(MAX_PASSES);
        Self { leader: leader.members.clone(), culprit, parents, fresh: BTreeMap::new(), max_passes }
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
    /// confirmed. `p` and `q` are the failure rates if the leader is the culprit: a parent must pass so often that a revision
    /// with the rate `p` would do so with a probability of at most `doubt`, and the culprit fail so often that one with the
    /// rate `q` would. One failure is enough, except in search of the fix of a rare failure.
    pub fn next(&self, p: Beta, q: Beta, doubt: f64, running: impl Fn(Revision) -> u32) -> Option<(Revision, Purpose)> {
        let passes = (1..self.max_passes).find(|trials| p.all_pass(*trials) <= doubt).unwrap_or(self.max_passes);
        let hangs = (1..self.max_passes).find(|trials| q.all_hang(*trials) <= doubt).unwrap_or(self.max_passes);
        let mut unconfirmed: Vec<(u32, Revision, Purpose)> = Vec::new();
        if self.fresh(self.culprit).hangs < hangs {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn confirmation() -> Confirmation {
        Confirmation::new(&Leader { members: vec![4], posterior: 0.96 }, 5, BTreeSet::from([4]), 299)
    }

    /// The trials of the culprit and of its parent until both are confirmed.
    fn trials(p: Beta, q: Beta) -> [u32; 2] {
        let (mut confirmation, mut trials) = (confirmation(), [0; 2]);
        while let Some((revision, _)) = confirmation.next(p, q, 0.05, |_| 0) {
            let is_culprit = revision == 5;
            confirmation.count(revision, if is_culprit { Outcome::Hang } else { Outcome::Pass });
            trials[usize::from(!is_culprit)] += 1;
        }
        trials
    }

    #[test]
    fn parent_of_a_rare_failure_passes_more_often() {
        let never = Beta { hangs: 0.2, passes: 500.0 };
        assert_eq!(trials(Beta { hangs: 50.0, passes: 1.0 }, never), [1, 1]);
        let [culprit, parent] = trials(Beta { hangs: 30.0, passes: 970.0 }, never);
        assert!(culprit == 1 && (95..115).contains(&parent), "{culprit} {parent}");
        assert_eq!(trials(Beta { hangs: 1.0, passes: 999.0 }, never), [1, 299]);
    }

    #[test]
    fn fix_of_a_rare_failure_passes_more_than_once() {
        // Passes are recorded as failures.
        let [fix, parent] = trials(Beta { hangs: 500.0, passes: 0.2 }, Beta { hangs: 970.0, passes: 30.0 });
        assert!((95..115).contains(&fix) && parent == 1, "{fix} {parent}");
    }
}
