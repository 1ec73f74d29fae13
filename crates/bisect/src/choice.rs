//! Which revision tells most a second.

use super::breakage::Breakage;
use super::costs::Costs;
use super::evidence::{Belief, Case, Evidence};
use super::history::History;
use super::information::{self, BATCHES, Batch, Table};
use super::sample::{Revision, Running, Task};
use std::collections::BTreeSet;

/// A built revision is open as long as the probability that it is affected is this far from both ends.
const OPEN: f64 = 0.05;
/// Open revisions that are taken as decided, at most: each may double the cells.
const MOST_OPEN: usize = 5;
/// So many trials decide about nearly every revision.
const DECIDES: f64 = 20.0;
/// Cells with less probability are left out.
const LEAST_CELL: f64 = 0.01;

/// What a job is expected to tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prospect {
    pub revision: Revision,
    /// The probability that it is affected.
    pub affected: f64,
    /// Expected information.
    pub bits: f64,
    /// How many trials that takes.
    pub trials: u32,
    /// How long that takes.
    pub seconds: f64,
}

impl Prospect {
    pub fn bits_per_second(&self) -> f64 {
        self.bits / self.seconds
    }
}

/// Candidates among which the culprit is if the revisions that are still open come out in a certain way.
struct Cell {
    mass: f64,
    /// For each position, the weight in this cell of all that it contains.
    sums: Vec<f64>,
}

/// Trials that follow a build.
struct Plan {
    trials: u32,
    /// What they add to the time of the build.
    trials_s: f64,
    table: Table,
}

/// All that a choice looks at.
pub(super) struct Choice<'a> {
    pub history: &'a History,
    pub evidence: &'a Evidence,
    pub beliefs: &'a [Belief],
    pub costs: &'a Costs,
    pub breakage: &'a Breakage,
    pub built: &'a BTreeSet<Revision>,
    pub running: &'a [Running],
    /// Whether builds have a slot of their own, beside one for trials.
    pub beside: bool,
}

impl Choice<'_> {
    /// The probability that a built revision is affected.
    pub fn affected(&self, revision: Revision) -> f64 {
        let affected = |case| self.evidence.affected(self.history, revision, case);
        self.beliefs.iter().filter(|belief| affected(belief.case)).map(|belief| belief.mass).sum()
    }

    /// Whether a built revision may still come out either way.
    pub fn is_open(&self) -> bool {
        self.built.iter().any(|revision| {
            let affected = self.affected(*revision);
            affected > OPEN && affected < 1.0 - OPEN && self.history.position(*revision).is_some()
        })
    }

    /// The built revision of which one more trial tells most. Trials of it that run are taken as seen, without their
    /// outcome: what counts is what one more would add.
    pub fn best_trial(&self) -> Option<Prospect> {
        let mut best: Option<Prospect> = None;
        for revision in self.built.iter().copied() {
            let affected = |case: Case| self.evidence.affected(self.history, revision, case);
            let running = self.running.iter().filter(|job| job.revision == revision && job.task == Task::Trial).count();
            let bits = |trials: usize| match trials {
                0 => 0.0,
                _ => information::bits(self.beliefs, trials as u32, affected),
            };
            let bits = bits(running + 1) - bits(running);
            if best.is_none_or(|best| bits > best.bits) {
                let seconds = self.costs.trial_s();
                best = Some(Prospect { revision, affected: self.affected(revision), bits, trials: 1, seconds });
            }
        }
        best
    }

    /// The revision that is not built of which a build and a batch of trials tell most a second, as if all that runs,
    /// and all that is built and open, had come out one way or the other.
    pub fn best_build(&self) -> Option<Prospect> {
        let mut is_free: Vec<bool> = (0..self.history.len()).map(|at| !self.breakage.is_broken(at)).collect();
        for revision in self.built.iter().chain(&self.busy()) {
            if let Some(at) = self.history.position(*revision) {
                is_free[at] = false;
            }
        }
        let free: Vec<usize> = (0..self.history.len()).filter(|at| is_free[*at]).collect();
        let mean_s = free.iter().map(|at| self.costs.build_s(*at)).sum::<f64>() / free.len().max(1) as f64;
        let plan = self.plan(mean_s);
        let (weights, cells) = self.cells(&self.open());
        let mut best: Option<(f64, usize, Prospect)> = None;
        for at in free {
            let bits = cells.iter().map(|cell| cell.mass * plan.table.bits(cell.sums[at] / cell.mass)).sum();
            let prospect = self.prospect(at, &plan, bits, self.costs.build_s(at));
            let worth = prospect.bits_per_second() * (1.0 - self.breakage.chance(at));
            if best.is_none_or(|(most, ..)| worth > most) {
                best = Some((worth, at, prospect));
            }
        }
        best.map(|(_, at, prospect)| Prospect { affected: self.share(&weights, at), ..prospect })
    }

    /// What the rest of a build that runs is worth, and the trials after it, whatever else runs.
    pub fn rest_of(&self, build: &Running) -> Option<Prospect> {
        let at = self.history.position(build.revision)?;
        let whole_s = self.costs.build_s(at);
        let affected = self.share(&self.evidence.weights(self.history, self.beliefs), at);
        let plan = self.plan(whole_s);
        let bits = plan.table.bits(affected);
        Some(self.prospect(at, &plan, bits, (whole_s - build.elapsed_s).max(0.0)))
    }

    fn prospect(&self, at: usize, plan: &Plan, bits: f64, build_s: f64) -> Prospect {
        let seconds = (build_s + plan.trials_s).max(self.costs.trial_s());
        Prospect { revision: self.history.revision(at), affected: 0.0, bits, trials: plan.trials, seconds }
    }

    /// What follows such a build. Beside a builder, trials go on while the next one is built: if many fit into that time,
    /// the revision is as good as decided, and they cost nothing. Otherwise it is the batch that tells most a second where
    /// the revision is as likely affected as not.
    fn plan(&self, build_s: f64) -> Plan {
        let trial_s = self.costs.trial_s();
        if self.beside && build_s >= DECIDES * trial_s {
            return Plan { trials: DECIDES as u32, trials_s: 0.0, table: Table::of_decision() };
        }
        let seconds = |batch: &Batch| f64::from(batch.trials) * trial_s;
        let worth = |batch: &Batch| batch.bits(0.5) / (build_s + seconds(batch));
        let mut best = Batch::new(self.beliefs, BATCHES[0]);
        for trials in &BATCHES[1..] {
            let next = Batch::new(self.beliefs, *trials);
            // There is one maximum.
            if worth(&next) <= worth(&best) {
                break;
            }
            best = next;
        }
        Plan { trials: best.trials, trials_s: seconds(&best), table: Table::of(&best) }
    }

    /// Candidates that are on a job.
    fn busy(&self) -> BTreeSet<Revision> {
        self.running.iter().map(|job| job.revision).filter(|one| self.history.position(*one).is_some()).collect()
    }

    /// The revisions that are taken as decided: what is on a job, then what is built and most open.
    fn open(&self) -> Vec<Revision> {
        let busy = self.busy();
        let mut open: Vec<(f64, Revision)> = self
            .built
            .iter()
            .filter(|revision| !busy.contains(revision))
            .map(|revision| ((self.affected(*revision) - 0.5).abs(), *revision))
            .filter(|(decided, revision)| *decided < 0.5 - OPEN && self.history.position(*revision).is_some())
            .collect();
        open.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let all = busy.into_iter().chain(open.into_iter().map(|(_, revision)| revision));
        all.take(MOST_OPEN).collect()
    }

    /// The weight of each candidate, and the cells into which the open revisions split them.
    fn cells(&self, open: &[Revision]) -> (Vec<f64>, Vec<Cell>) {
        let weights = self.evidence.weights(self.history, self.beliefs);
        let mut signatures = vec![0_u8; weights.len()];
        for (bit, position) in open.iter().filter_map(|revision| self.history.position(*revision)).enumerate() {
            let contained = self.history.contained(position);
            signatures.iter_mut().zip(contained).for_each(|(signature, inside)| *signature |= u8::from(inside) << bit);
        }
        let mut masses = [0.0; 1 << MOST_OPEN];
        weights.iter().zip(&signatures).for_each(|(weight, signature)| masses[usize::from(*signature)] += weight);
        let cell = |(signature, mass): (u8, f64)| {
            let inside: Vec<f64> = weights
                .iter()
                .zip(&signatures)
                .map(|(weight, own)| if *own == signature { *weight } else { 0.0 })
                .collect();
            Cell { mass, sums: self.history.sums(&inside) }
        };
        let cells = (0..).zip(masses).filter(|(_, mass)| *mass >= LEAST_CELL).map(cell).collect();
        (weights, cells)
    }

    /// The probability that the revision at `position` is affected, built or not.
    fn share(&self, weights: &[f64], position: usize) -> f64 {
        let contained = self.history.contained(position);
        let all: f64 = self.beliefs.iter().filter(|belief| belief.case == Case::All).map(|belief| belief.mass).sum();
        all + weights.iter().zip(contained).filter(|(_, inside)| *inside).map(|(weight, _)| weight).sum::<f64>()
    }
}
