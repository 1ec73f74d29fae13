//! Which commit is named, and on what its confirmation rests.

use super::answer::{Answer, Candidate};
use super::beta::Beta;
use super::bisection::Bisection;
use super::choice::Choice;
use super::confirmation::Confirmation;
use super::evidence::{Belief, Case};
use super::leader::{Leader, leader};
use super::sample::{Revision, Slot};
use std::collections::BTreeSet;

/// Runners-up that are named, and how probable they must be.
const RUNNERS_UP: usize = 5;
const LEAST: f64 = 1e-4;

impl Bisection {
    pub(super) fn leader(&self, beliefs: &[Belief]) -> Option<Leader> {
        leader(&self.history, &self.breakage, &self.evidence, beliefs)
    }

    /// Begins to confirm a leader that holds the target, and forgets what was confirmed of another one.
    pub(super) fn follow_leader(&mut self) {
        let beliefs = self.beliefs();
        let Some(leader) = self.leader(&beliefs) else {
            self.confirmation = None;
            return;
        };
        if self.confirmation.as_ref().is_some_and(|confirmation| confirmation.is_of(&leader)) {
            return;
        }
        self.confirmation = (leader.mass >= self.settings.target).then(|| {
            let choice = self.choice(&beliefs, &[], Slot::Any);
            let (culprit, before) = self.sides(&choice, &leader);
            Confirmation::new(&leader, culprit, before)
        });
    }

    /// The revision that hangs if the leader is right, and those that pass.
    fn sides(&self, choice: &Choice<'_>, leader: &Leader) -> (Revision, BTreeSet<Revision>) {
        // Built revisions, from the smallest, with the probability that they are affected.
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
        let mut before = BTreeSet::new();
        for member in &leader.members {
            if self.history.rooted(*member) {
                before.insert(self.ends(&[]).good());
            }
            for parent in self.history.parents(*member).iter().map(|parent| *parent as usize) {
                if leader.members.contains(&parent) {
                    continue;
                }
                let covers = built.iter().find(|(_, at, _, affected)| *affected < 0.5 && contains(*at, parent));
                let itself = (!self.breakage.is_broken(parent)).then(|| self.history.revision(parent));
                before.extend(covers.map(|(_, _, revision, _)| *revision).or(itself));
            }
        }
        (culprit, before)
    }

    /// What the *p* of the leader is.
    pub(super) fn p_of(&self, beliefs: &[Belief], leader: &Leader) -> Beta {
        let group = leader.members.first().map(|at| Case::Group(self.evidence.groups()[*at] as usize));
        let belief = beliefs.iter().find(|belief| Some(belief.case) == group);
        belief.map_or(self.settings.affected, |belief| belief.p)
    }

    pub(super) fn answer(&self, beliefs: &[Belief], leader: Option<&Leader>, confirmed: bool) -> Answer {
        let ranking = self.ranking(beliefs);
        if let Some(leader) = leader.filter(|leader| leader.mass >= self.settings.target) {
            let is_member = |candidate: &Candidate| {
                self.history.position(candidate.revision).is_some_and(|at| leader.members.contains(&at))
            };
            let (candidates, others): (Vec<_>, Vec<_>) = ranking.into_iter().partition(is_member);
            return match candidates[..] {
                [Candidate { revision, probability }] => {
                    let runners_up =
                        others.into_iter().take(RUNNERS_UP).filter(|other| other.probability >= LEAST).collect();
                    Answer::Culprit { commit: revision, probability, confirmed, runners_up }
                }
                _ => Answer::Set { candidates, probability: leader.mass, confirmed },
            };
        }
        let mut held = 0.0;
        let mut candidates = Vec::new();
        for candidate in ranking {
            if held >= self.settings.target || candidate.probability <= 0.0 {
                break;
            }
            held += candidate.probability;
            candidates.push(candidate);
        }
        Answer::Set { candidates, probability: held, confirmed: false }
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
