//! The posterior over candidates, given all trials.
//!
//! Candidates that are contained in the same revisions explain the same trials. So likelihoods belong to *groups* of
//! candidates, and the cost of a trial grows with the number of groups, not with the number of commits.

use super::beta::Beta;
use super::history::History;
use super::settings::Settings;
use super::trial::{Outcome, Revision, Tally};
use std::collections::BTreeMap;

/// Candidates that are contained in the same tried or built revisions.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// For each column of `Evidence::columns`, whether the revision is affected if the culprit is in this group.
    affected: Vec<bool>,
    /// Trials of the revisions that are affected then.
    tally: Tally,
    /// The prior probability of the group among all candidates.
    prior: f64,
    /// The number of candidates in the group.
    members: usize,
}

/// A hypothesis about the culprit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hypothesis {
    /// The culprit is in this group.
    Group(usize),
    /// All revisions are affected, the good end included.
    AllAffected,
    /// No revision is affected, not even the bad end.
    NoneAffected,
}

/// A hypothesis, its posterior probability, and the failure rates under it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Belief {
    pub hypothesis: Hypothesis,
    pub posterior: f64,
    /// The failure rate of affected revisions.
    pub p: Beta,
    /// The failure rate of unaffected revisions.
    pub q: Beta,
}

/// All trials, by hypothesis.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    /// The group of each position.
    group: Vec<u32>,
    groups: Vec<Group>,
    /// The revisions by which the groups are split, with their index in `Group::affected`. Good ends split nothing.
    columns: BTreeMap<Revision, usize>,
    total: Tally,
}

impl Evidence {
    pub fn new(history: &History) -> Self {
        let all = Group { affected: Vec::new(), tally: Tally::default(), prior: 1.0, members: history.len() };
        Self { group: vec![0; history.len()], groups: vec![all], columns: BTreeMap::new(), total: Tally::default() }
    }

    /// Splits the groups into the candidates that this revision contains and the others.
    pub fn split_by(&mut self, history: &History, revision: Revision) {
        let Some(position) = history.position(revision).filter(|_| !self.columns.contains_key(&revision)) else {
            return;
        };
        self.columns.insert(revision, self.columns.len());
        let contained = history.contained(position);
        // Of each group, the candidates that are not contained and those that are: their number and prior.
        let mut halves = vec![[(0_usize, 0.0_f64); 2]; self.groups.len()];
        for ((inside, group), prior) in contained.iter().zip(&self.group).zip(history.prior()) {
            let (members, share) = &mut halves[*group as usize][usize::from(*inside)];
            (*members, *share) = (*members + 1, *share + prior);
        }
        let mut rest: BTreeMap<u32, u32> = BTreeMap::new();
        for (whole, [outside, inside]) in halves.into_iter().enumerate() {
            if inside.0 > 0 && outside.0 > 0 {
                let mut other = Group { members: outside.0, prior: outside.1, ..self.groups[whole].clone() };
                other.affected.push(false);
                rest.insert(whole as u32, self.groups.len() as u32);
                self.groups.push(other);
                (self.groups[whole].members, self.groups[whole].prior) = inside;
            }
            self.groups[whole].affected.push(inside.0 > 0);
        }
        for (group, _) in self.group.iter_mut().zip(&contained).filter(|(_, inside)| !**inside) {
            *group = rest.get(group).copied().unwrap_or(*group);
        }
    }

    /// Counts a trial.
    pub fn count(&mut self, history: &History, revision: Revision, outcome: Outcome) {
        self.split_by(history, revision);
        self.total.count(outcome);
        if let Some(column) = self.columns.get(&revision) {
            self.groups.iter_mut().filter(|group| group.affected[*column]).for_each(|group| group.tally.count(outcome));
        }
    }

    pub fn total(&self) -> Tally {
        self.total
    }

    /// The group of each position.
    pub fn groups(&self) -> &[u32] {
        &self.group
    }

    /// The number of candidates in a group.
    pub fn members(&self, group: usize) -> usize {
        self.groups[group].members
    }

    /// Whether a revision is affected under a hypothesis. Good ends are affected only if all revisions are.
    ///
    /// # Panics
    ///
    /// When the revision is a candidate by which the groups were never split.
    pub fn affected(&self, history: &History, revision: Revision, hypothesis: Hypothesis) -> bool {
        match hypothesis {
            Hypothesis::AllAffected => true,
            Hypothesis::NoneAffected => false,
            Hypothesis::Group(group) => {
                history.position(revision).is_some() && self.groups[group].affected[self.columns[&revision]]
            }
        }
    }

    /// All hypotheses with their posterior.
    pub fn beliefs(&self, settings: &Settings) -> Vec<Belief> {
        let commits = 1.0 - settings.all_affected - settings.none_affected;
        let none = Tally::default();
        let hypotheses = (0..self.groups.len())
            .map(|at| (Hypothesis::Group(at), self.groups[at].prior * commits, self.groups[at].tally))
            .chain([
                (Hypothesis::AllAffected, settings.all_affected, self.total),
                (Hypothesis::NoneAffected, settings.none_affected, none),
            ]);
        let (mut beliefs, mut logs) = (Vec::new(), Vec::new());
        for (hypothesis, prior, affected) in hypotheses {
            let unaffected =
                Tally { hangs: self.total.hangs - affected.hangs, passes: self.total.passes - affected.passes };
            let likelihood = settings.affected.ln_marginal(affected) + settings.unaffected.ln_marginal(unaffected);
            logs.push(prior.ln() + likelihood);
            let (p, q) = (settings.affected.after(affected), settings.unaffected.after(unaffected));
            beliefs.push(Belief { hypothesis, posterior: 0.0, p, q });
        }
        let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| (log - highest).exp()).sum();
        beliefs.iter_mut().zip(logs).for_each(|(belief, log)| belief.posterior = (log - highest).exp() / sum);
        beliefs
    }

    /// The posterior of each candidate, by position. The rest up to one belongs to the two invalid premises.
    pub fn weights(&self, history: &History, beliefs: &[Belief]) -> Vec<f64> {
        let mut per_prior = vec![0.0; self.groups.len()];
        for belief in beliefs {
            if let Hypothesis::Group(group) = belief.hypothesis
                && self.groups[group].prior > 0.0
            {
                per_prior[group] = belief.posterior / self.groups[group].prior;
            }
        }
        self.group.iter().zip(history.prior()).map(|(group, prior)| per_prior[*group as usize] * prior).collect()
    }
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
