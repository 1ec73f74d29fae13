//! The answer of a search, and the revisions that confirm it.

use super::answer::{Answer, Candidate};
use super::beta::Beta;
use super::bisection::Bisection;
use super::choice::Choice;
use super::confirmation::Confirmation;
use super::evidence::{Belief, Hypothesis};
use super::leader::{Leader, leader};
use super::trial::{Revision, Slot};
use std::collections::BTreeSet;

/// Maximum number of runners-up in an answer.
const MAX_RUNNERS_UP: usize = 5;
/// A runner-up is at least this probable.
const MIN_PROBABILITY: f64 = 1e-4;

impl Bisection {
    pub(super) fn leader(&self, beliefs: &[Belief]) -> Option<Leader> {
        leader(&self.history, &self.breakage, &self.evidence, beliefs)
    }

    /// Starts to confirm a leader that has reached the target, and drops the confirmation of another one.
    pub(super) fn follow_leader(&mut self) {
        let beliefs = self.beliefs();
        let Some(leader) = self.leader(&beliefs) else {
            self.confirmation = None;
            return;
        };
        if self.confirmation.as_ref().is_some_and(|confirmation| confirmation.is_of(&leader)) {
            return;
        }
        self.confirmation = (leader.posterior >= self.settings.target).then(|| {
            let choice = self.choice(&beliefs, &[], Slot::Any);
            let (culprit, parents) = self.sides(&choice, &leader);
            Confirmation::new(&leader, culprit, parents, self.settings.excluding_passes())
        });
    }

    /// The revision that fails if the leader is the culprit, and those that pass.
    fn sides(&self, choice: &Choice<'_>, leader: &Leader) -> (Revision, BTreeSet<Revision>) {
        // Built revisions by size, with the probability that they are affected.
        let mut built: Vec<(u32, usize, Revision, f64)> = Vec::new();
        for revision in self.built.iter().copied() {
            if let Some(at) = self.history.position(revision) {
                built.push((self.history.size(at), at, revision, choice.affected(revision)));
            }
        }
        built.sort_by_key(|(size, at, ..)| (*size, *at));
        let contains = |at: usize, what: usize| self.history.contained(at)[what];
        let culprit = built
            .iter()
            .find(|(_, at, _, affected)| *affected > 0.5 && leader.members.iter().all(|member| contains(*at, *member)))
            .map_or(self.history.bad(), |(_, _, revision, _)| *revision);
        let mut parents = BTreeSet::new();
        for member in &leader.members {
            if self.history.touches_good(*member) {
                parents.insert(self.premise(&[]).good());
            }
            for parent in self.history.parents(*member).iter().map(|parent| *parent as usize) {
                if leader.members.contains(&parent) {
                    continue;
                }
                let covers = built.iter().find(|(_, at, _, affected)| *affected < 0.5 && contains(*at, parent));
                let itself = (!self.breakage.is_broken(parent)).then(|| self.history.revision(parent));
                parents.extend(covers.map(|(_, _, revision, _)| *revision).or(itself));
            }
        }
        (culprit, parents)
    }

    /// The failure rates of affected and of unaffected revisions if the leader is the culprit.
    pub(super) fn rates_of(&self, beliefs: &[Belief], leader: &Leader) -> (Beta, Beta) {
        let group = leader.members.first().map(|at| Hypothesis::Group(self.evidence.groups()[*at] as usize));
        let belief = beliefs.iter().find(|belief| Some(belief.hypothesis) == group);
        belief.map_or((self.settings.affected, self.settings.unaffected), |belief| (belief.p, belief.q))
    }

    pub(super) fn answer(&self, beliefs: &[Belief], leader: Option<&Leader>, confirmed: bool) -> Answer {
        let ranking = self.ranking(beliefs);
        if let Some(leader) = leader.filter(|leader| leader.posterior >= self.settings.target) {
            let is_member = |candidate: &Candidate| {
                self.history.position(candidate.revision).is_some_and(|at| leader.members.contains(&at))
            };
            let (candidates, others): (Vec<_>, Vec<_>) = ranking.into_iter().partition(is_member);
            return match candidates[..] {
                [Candidate { revision, probability }] => {
                    let runners_up = others
                        .into_iter()
                        .take(MAX_RUNNERS_UP)
                        .filter(|other| other.probability >= MIN_PROBABILITY)
                        .collect();
                    Answer::Culprit { commit: revision, probability, confirmed, runners_up }
                }
                _ => Answer::Set { candidates, probability: leader.posterior, confirmed },
            };
        }
        let mut total = 0.0;
        let mut candidates = Vec::new();
        for candidate in ranking {
            if total >= self.settings.target || candidate.probability <= 0.0 {
                break;
            }
            total += candidate.probability;
            candidates.push(candidate);
        }
        Answer::Set { candidates, probability: total, confirmed: false }
    }

    /// All candidates, most probable first.
    pub(super) fn ranking(&self, beliefs: &[Belief]) -> Vec<Candidate> {
        let weights = self.evidence.weights(&self.history, beliefs);
        let mut ranking: Vec<Candidate> = (self.history.candidates().iter().zip(weights))
            .map(|(revision, probability)| Candidate { revision: *revision, probability })
            .collect();
        ranking.sort_by(|one, other| other.probability.total_cmp(&one.probability));
        ranking
    }
}
