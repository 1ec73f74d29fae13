//! The job with the highest expected information per second.

use super::beta::Beta;
use super::breakage::Breakage;
use super::costs::Costs;
use super::evidence::{Belief, Evidence, Hypothesis};
use super::history::History;
use super::information::{self, BATCHES, Batch, Table};
use super::trial::{Revision, Running, Task};
use std::collections::BTreeSet;

/// A built revision is undecided while the probability that it is affected is this far from zero and one.
const UNDECIDED_MARGIN: f64 = 0.05;
/// Undecided revisions that are assumed decided, at most: each may double the scenarios.
const MAX_UNDECIDED: usize = 5;
/// So many trials decide nearly every revision whose failures are not rare.
const MIN_DECISIVE_TRIALS: f64 = 20.0;
/// So many failures more than expected of an unaffected revision decide it: all trials pass with a probability of 5 %.
const DECISIVE_HANGS: f64 = 3.0;
/// Scenarios with less probability are ignored.
const MIN_SCENARIO_PROBABILITY: f64 = 0.01;

/// The expected gain of a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ExpectedGain {
    pub revision: Revision,
    /// The probability that the revision is affected.
    pub affected: f64,
    /// Expected information.
    pub bits: f64,
    /// Trials that the gain takes.
    pub trials: u32,
    /// Time that the gain takes.
    pub seconds: f64,
}

impl ExpectedGain {
    pub fn bits_per_second(&self) -> f64 {
        self.bits / self.seconds
    }
}

/// One way in which the undecided revisions may be decided, and the candidates that remain then.
struct Scenario {
    probability: f64,
    /// For each position, the probability in this scenario of all candidates that it contains.
    sums: Vec<f64>,
}

/// The trials that follow a build.
struct Plan {
    trials: u32,
    /// Time that they add to the build.
    trials_s: f64,
    table: Table,
}

/// The inputs of a choice.
pub(super) struct Choice<'a> {
    pub history: &'a History,
    pub evidence: &'a Evidence,
    pub beliefs: &'a [Belief],
    pub costs: &'a Costs,
    pub breakage: &'a Breakage,
    pub built: &'a BTreeSet<Revision>,
    pub running: &'a [Running],
    /// Whether builds have a slot of their own and run in parallel with trials.
    pub parallel_builds: bool,
}

impl Choice<'_> {
    /// The probability that a built revision is affected.
    pub fn affected(&self, revision: Revision) -> f64 {
        let affected = |hypothesis| self.evidence.affected(self.history, revision, hypothesis);
        self.beliefs.iter().filter(|belief| affected(belief.hypothesis)).map(|belief| belief.posterior).sum()
    }

    /// The expectation of a failure rate.
    pub fn mean(&self, rate: impl Fn(&Belief) -> Beta) -> f64 {
        self.beliefs.iter().map(|belief| belief.posterior * rate(belief).mean()).sum()
    }

    /// Whether a built revision is undecided.
    pub fn has_undecided(&self) -> bool {
        self.built.iter().any(|revision| {
            let affected = self.affected(*revision);
            affected > UNDECIDED_MARGIN
                && affected < 1.0 - UNDECIDED_MARGIN
                && self.history.position(*revision).is_some()
        })
    }

    /// The built revision of which one more trial gains most, on top of those of its trials that run.
    pub fn best_trial(&self) -> Option<ExpectedGain> {
        let mut best: Option<ExpectedGain> = None;
        for revision in self.built.iter().copied() {
            let affected = |hypothesis: Hypothesis| self.evidence.affected(self.history, revision, hypothesis);
            let running = self.running.iter().filter(|job| job.revision == revision && job.task == Task::Trial).count();
            let bits = |trials: usize| match trials {
                0 => 0.0,
                _ => information::bits(self.beliefs, trials as u32, affected),
            };
            let bits = bits(running + 1) - bits(running);
            if best.is_none_or(|best| bits > best.bits) {
                let seconds = self.costs.trial_s();
                best = Some(ExpectedGain { revision, affected: self.affected(revision), bits, trials: 1, seconds });
            }
        }
        best
    }

    /// The unbuilt revision of which a build and a batch of trials gain most per second, in the mean over the ways in
    /// which running jobs and undecided revisions may be decided.
    pub fn best_build(&self) -> Option<ExpectedGain> {
        let mut is_free: Vec<bool> = (0..self.history.len()).map(|at| !self.breakage.is_broken(at)).collect();
        for revision in self.built.iter().chain(&self.busy()) {
            if let Some(at) = self.history.position(*revision) {
                is_free[at] = false;
            }
        }
        let free: Vec<usize> = (0..self.history.len()).filter(|at| is_free[*at]).collect();
        let mean_s = free.iter().map(|at| self.costs.build_s(*at)).sum::<f64>() / free.len().max(1) as f64;
        let plan = self.plan(mean_s);
        let (weights, scenarios) = self.scenarios(&self.undecided());
        let mut best: Option<(f64, usize, ExpectedGain)> = None;
        for at in free {
            let bits = scenarios
                .iter()
                .map(|scenario| scenario.probability * plan.table.bits(scenario.sums[at] / scenario.probability))
                .sum();
            let gain = self.gain(at, &plan, bits, self.costs.build_s(at));
            let value = gain.bits_per_second() * (1.0 - self.breakage.chance(at));
            if best.is_none_or(|(max, ..)| value > max) {
                best = Some((value, at, gain));
            }
        }
        best.map(|(_, at, gain)| ExpectedGain { affected: self.share(&weights, at), ..gain })
    }

    /// The gain of finishing a running build and of the trials after it, regardless of other jobs.
    pub fn remaining_build(&self, build: &Running) -> Option<ExpectedGain> {
        let at = self.history.position(build.revision)?;
        let whole_s = self.costs.build_s(at);
        let affected = self.share(&self.evidence.weights(self.history, self.beliefs), at);
        let plan = self.plan(whole_s);
        let bits = plan.table.bits(affected);
        Some(self.gain(at, &plan, bits, (whole_s - build.elapsed_s).max(0.0)))
    }

    fn gain(&self, at: usize, plan: &Plan, bits: f64, build_s: f64) -> ExpectedGain {
        let seconds = (build_s + plan.trials_s).max(self.costs.trial_s());
        ExpectedGain { revision: self.history.revision(at), affected: 0.0, bits, trials: plan.trials, seconds }
    }

    /// The trials after a build of this duration. If many fit into the next build, which runs in parallel, they decide
    /// the revision and cost no time. Otherwise the batch with the highest gain per second for a revision that is as
    /// likely affected as not.
    fn plan(&self, build_s: f64) -> Plan {
        let trial_s = self.costs.trial_s();
        let difference = self.mean(|belief| belief.p) - self.mean(|belief| belief.q);
        let decisive = (DECISIVE_HANGS / difference.max(f64::MIN_POSITIVE)).max(MIN_DECISIVE_TRIALS);
        if self.parallel_builds && build_s >= decisive * trial_s {
            return Plan { trials: decisive as u32, trials_s: 0.0, table: Table::of_decision() };
        }
        let seconds = |batch: &Batch| f64::from(batch.trials) * trial_s;
        let value = |batch: &Batch| batch.bits(0.5) / (build_s + seconds(batch));
        let mut best = Batch::new(self.beliefs, BATCHES[0]);
        for trials in &BATCHES[1..] {
            let next = Batch::new(self.beliefs, *trials);
            // There is one maximum.
            if value(&next) <= value(&best) {
                break;
            }
            best = next;
        }
        Plan { trials: best.trials, trials_s: seconds(&best), table: Table::of(&best) }
    }

    /// Candidates with a running job.
    fn busy(&self) -> BTreeSet<Revision> {
        self.running.iter().map(|job| job.revision).filter(|one| self.history.position(*one).is_some()).collect()
    }

    /// The revisions that are assumed decided: those with a running job, then the least certain of the built ones.
    fn undecided(&self) -> Vec<Revision> {
        let busy = self.busy();
        let mut undecided: Vec<(f64, Revision)> = self
            .built
            .iter()
            .filter(|revision| !busy.contains(revision))
            .map(|revision| ((self.affected(*revision) - 0.5).abs(), *revision))
            .filter(|(certainty, revision)| {
                *certainty < 0.5 - UNDECIDED_MARGIN && self.history.position(*revision).is_some()
            })
            .collect();
        undecided.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let all = busy.into_iter().chain(undecided.into_iter().map(|(_, revision)| revision));
        all.take(MAX_UNDECIDED).collect()
    }

    /// The probability of each candidate, and the scenarios into which the undecided revisions split the candidates.
    fn scenarios(&self, undecided: &[Revision]) -> (Vec<f64>, Vec<Scenario>) {
        let weights = self.evidence.weights(self.history, self.beliefs);
        let mut signatures = vec![0_u8; weights.len()];
        for (bit, position) in undecided.iter().filter_map(|revision| self.history.position(*revision)).enumerate() {
            let contained = self.history.contained(position);
            signatures.iter_mut().zip(contained).for_each(|(signature, inside)| *signature |= u8::from(inside) << bit);
        }
        let mut probabilities = [0.0; 1 << MAX_UNDECIDED];
        weights
            .iter()
            .zip(&signatures)
            .for_each(|(weight, signature)| probabilities[usize::from(*signature)] += weight);
        let scenario = |(signature, probability): (u8, f64)| {
            let inside: Vec<f64> = weights
                .iter()
                .zip(&signatures)
                .map(|(weight, own)| if *own == signature { *weight } else { 0.0 })
                .collect();
            Scenario { probability, sums: self.history.sums(&inside) }
        };
        let probable = (0..).zip(probabilities).filter(|(_, probability)| *probability >= MIN_SCENARIO_PROBABILITY);
        let scenarios = probable.map(scenario).collect();
        (weights, scenarios)
    }

    /// The probability that the revision at `position` is affected, whether it is built or not.
    fn share(&self, weights: &[f64], position: usize) -> f64 {
        let contained = self.history.contained(position);
        let is_all = |belief: &&Belief| belief.hypothesis == Hypothesis::AllAffected;
        let all: f64 = self.beliefs.iter().filter(is_all).map(|belief| belief.posterior).sum();
        all + weights.iter().zip(contained).filter(|(_, inside)| *inside).map(|(weight, _)| weight).sum::<f64>()
    }
}
