//! What the trials say of every candidate.
//!
//! Two candidates that the same revisions contain explain the same trials. So likelihoods belong to *groups* of
//! candidates, and a trial costs as much as there are groups, not as much as there are commits.

use super::beta::Beta;
use super::history::History;
use super::sample::{Outcome, Revision, Tally};
use super::settings::Settings;
use std::collections::BTreeMap;

/// The candidates that are contained in the same revisions.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// For each revision that is told apart, whether it is affected if the culprit is in this group.
    affected: Vec<bool>,
    /// Trials of revisions that are affected in that case.
    tally: Tally,
    /// The share of the group before any trial, of one among all candidates.
    prior: f64,
    /// How many candidates are in it.
    members: usize,
}

/// What is supposed: a group that holds the culprit, or a wrong premise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Case {
    /// The culprit is in this group.
    Group(usize),
    /// All revisions are affected.
    All,
    /// No revision is.
    None,
}

/// A case, how probable it is, and what it makes of the shares of hangs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Belief {
    pub case: Case,
    pub mass: f64,
    /// *p*, if this case holds.
    pub p: Beta,
    /// *q*, if this case holds.
    pub q: Beta,
}

/// All trials, by what they say.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    /// The group of each position.
    group: Vec<u32>,
    groups: Vec<Group>,
    /// The revisions that are told apart, and their place in `Group::affected`. Good ends are not among them.
    apart: BTreeMap<Revision, usize>,
    total: Tally,
}

impl Evidence {
    pub fn new(history: &History) -> Self {
        let all = Group { affected: Vec::new(), tally: Tally::default(), prior: 1.0, members: history.len() };
        Self { group: vec![0; history.len()], groups: vec![all], apart: BTreeMap::new(), total: Tally::default() }
    }

    /// Splits the groups by whether this revision contains them, so that its share is known.
    pub fn tell_apart(&mut self, history: &History, revision: Revision) {
        let Some(position) = history.position(revision).filter(|_| !self.apart.contains_key(&revision)) else { return };
        self.apart.insert(revision, self.apart.len());
        let contained = history.contained(position);
        // Of each group, what is not contained and what is: how many, and their share.
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
        self.tell_apart(history, revision);
        self.total.count(outcome);
        if let Some(column) = self.apart.get(&revision) {
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

    /// How many candidates are in a group.
    pub fn members(&self, group: usize) -> usize {
        self.groups[group].members
    }

    /// Whether a revision is affected in a case. Revisions that are no candidates are affected only if all are.
    ///
    /// # Panics
    ///
    /// When the revision is a candidate that was never told apart.
    pub fn affected(&self, history: &History, revision: Revision, case: Case) -> bool {
        match case {
            Case::All => true,
            Case::None => false,
            Case::Group(group) => {
                history.position(revision).is_some() && self.groups[group].affected[self.apart[&revision]]
            }
        }
    }

    /// Every case with its probability.
    pub fn beliefs(&self, settings: &Settings) -> Vec<Belief> {
        let commits = 1.0 - settings.all_affected - settings.none_affected;
        let none = Tally::default();
        let cases = (0..self.groups.len())
            .map(|at| (Case::Group(at), self.groups[at].prior * commits, self.groups[at].tally))
            .chain([(Case::All, settings.all_affected, self.total), (Case::None, settings.none_affected, none)]);
        let (mut beliefs, mut logs) = (Vec::new(), Vec::new());
        for (case, prior, affected) in cases {
            let unaffected =
                Tally { hangs: self.total.hangs - affected.hangs, passes: self.total.passes - affected.passes };
            let likelihood = settings.affected.ln_marginal(affected) + settings.unaffected.ln_marginal(unaffected);
            logs.push(prior.ln() + likelihood);
            let (p, q) = (settings.affected.after(affected), settings.unaffected.after(unaffected));
            beliefs.push(Belief { case, mass: 0.0, p, q });
        }
        let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| (log - highest).exp()).sum();
        beliefs.iter_mut().zip(logs).for_each(|(belief, log)| belief.mass = (log - highest).exp() / sum);
        beliefs
    }

    /// The probability of each candidate, by position. What is missing to one belongs to wrong premises.
    pub fn weights(&self, history: &History, beliefs: &[Belief]) -> Vec<f64> {
        let mut per_prior = vec![0.0; self.groups.len()];
        for belief in beliefs {
            if let Case::Group(group) = belief.case
                && self.groups[group].prior > 0.0
            {
                per_prior[group] = belief.mass / self.groups[group].prior;
            }
        }
        self.group.iter().zip(history.prior()).map(|(group, prior)| per_prior[*group as usize] * prior).collect()
    }
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
