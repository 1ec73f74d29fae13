//! The policy of hauntsaninja's `git bayesect`, as of its source in version 1.2: the commits along first parents; Jeffreys'
//! prior of both failure rates; the next trial is the one with the least expected entropy after it, regardless of its cost,
//! of equals the one in the middle; it stops when one commit reaches 95 %.
//!
//! In worlds with builds, the simulation favours it: a built revision stays built, and one that cannot be built is not
//! chosen again.

use crate::world::{Found, World};
use bisect::{Beta, Revision, Tally};

const TARGET: f64 = 0.95;
const PRIOR: Beta = Beta { hangs: 0.5, passes: 0.5 };
/// It gives its best guess after so many trials.
const MAX_TRIALS: u32 = 1000;
/// The same where trials need no builds.
const MAX_TRIALS_WITHOUT_BUILDS: u32 = 10_000;

/// The trials of each revision along first parents.
struct Line {
    /// Oldest first, with the good end: the change may be older.
    revisions: Vec<Revision>,
    tallies: Vec<Tally>,
    skipped: Vec<bool>,
    built: Vec<bool>,
}

/// A commit as the change, and the consequences.
struct Hypothesis {
    ln_likelihood: f64,
    /// The expected failure rate from the change on.
    new: f64,
    /// The expected failure rate before it.
    old: f64,
    /// Whether all trials are as likely as with the commit before it.
    same_as_last: bool,
}

pub fn search(world: &World) -> Found {
    let mut line = Line::new(world);
    let mut found = Found::default();
    let max_trials = if world.build == 0.0 { MAX_TRIALS_WITHOUT_BUILDS } else { MAX_TRIALS };
    loop {
        let hypotheses = line.hypotheses();
        let highest = hypotheses.iter().map(|one| one.ln_likelihood).fold(f64::NEG_INFINITY, f64::max);
        let mut posterior: Vec<f64> = hypotheses.iter().map(|one| (one.ln_likelihood - highest).exp()).collect();
        let sum: f64 = posterior.iter().sum();
        posterior.iter_mut().for_each(|probability| *probability /= sum);
        let best = (0..posterior.len()).reduce(|best, at| if posterior[at] > posterior[best] { at } else { best });
        let next = line.least_entropy(&hypotheses, &posterior);
        let (Some(best), Some(next)) = (best, next) else { return found };
        if posterior[best] >= TARGET || found.trials >= max_trials {
            return Found { named: vec![line.revisions[best]], ..found };
        }
        let revision = line.revisions[next];
        if !std::mem::replace(&mut line.built[next], true) {
            found.builds += 1;
            found.time += world.build;
        }
        if !world.builds(revision) {
            line.skipped[next] = true;
            continue;
        }
        let outcome = world.trial(revision, line.tallies[next].trials());
        line.tallies[next].count(outcome);
        found.trials += 1;
        found.time += 1.0;
    }
}

impl Line {
    fn new(world: &World) -> Self {
        let bad = world.history.bad();
        let first_parent = |revision: &Revision| world.parents[*revision as usize].first().copied();
        let mut revisions: Vec<Revision> = std::iter::successors(Some(bad), first_parent).collect();
        revisions.reverse();
        let len = revisions.len();
        let mut built = vec![false; len];
        (built[0], built[len - 1]) = (true, true);
        Self { revisions, tallies: vec![Tally::default(); len], skipped: vec![false; len], built }
    }

    fn hypotheses(&self) -> Vec<Hypothesis> {
        let add =
            |one: Tally, other: &Tally| Tally { hangs: one.hangs + other.hangs, passes: one.passes + other.passes };
        let total = self.tallies.iter().fold(Tally::default(), add);
        let mut before = Tally::default();
        let mut hypotheses: Vec<Hypothesis> = Vec::with_capacity(self.tallies.len());
        let mut same_as_last = false;
        for tally in &self.tallies {
            let last = hypotheses.last().filter(|_| same_as_last);
            let next = last.map(|last| Hypothesis { same_as_last, ..*last }).unwrap_or_else(|| {
                let after = Tally { hangs: total.hangs - before.hangs, passes: total.passes - before.passes };
                Hypothesis {
                    ln_likelihood: PRIOR.ln_marginal(after) + PRIOR.ln_marginal(before),
                    new: PRIOR.after(after).mean(),
                    old: PRIOR.after(before).mean(),
                    same_as_last,
                }
            });
            hypotheses.push(next);
            before = add(before, tally);
            same_as_last = tally.trials() == 0;
        }
        hypotheses
    }

    /// The revision with the least expected entropy after a trial; of equals the one in the middle.
    fn least_entropy(&self, hypotheses: &[Hypothesis], posterior: &[f64]) -> Option<usize> {
        let entropy = |weight: f64| if weight > 0.0 { weight * weight.log2() } else { 0.0 };
        // For a failure and a pass: the joint weights and their sum of w·log w. Starts with all revisions before the
        // change, then moves them one by one to its other side.
        let both = |share: f64| [share, 1.0 - share];
        let (mut weight, mut sum) = ([0.0; 2], [0.0; 2]);
        let mut terms: Vec<[[f64; 4]; 2]> = Vec::with_capacity(posterior.len());
        for (one, posterior) in hypotheses.iter().zip(posterior) {
            let term = |at: usize| {
                let (new, old) = (posterior * both(one.new)[at], posterior * both(one.old)[at]);
                [new, old, entropy(new), entropy(old)]
            };
            // All revisions between two tried ones have the same terms.
            let last = terms.last().copied().filter(|_| one.same_as_last);
            terms.push(last.unwrap_or_else(|| [term(0), term(1)]));
        }
        for term in &terms {
            for at in 0..2 {
                (weight[at], sum[at]) = (weight[at] + term[at][1], sum[at] + term[at][3]);
            }
        }
        let mut entropies: Vec<(f64, usize)> = Vec::with_capacity(terms.len());
        for (revision, term) in terms.iter().enumerate() {
            let mut left = 0.0;
            for at in 0..2 {
                weight[at] += term[at][0] - term[at][1];
                sum[at] += term[at][2] - term[at][3];
                left += entropy(weight[at]) - sum[at];
            }
            if !self.skipped[revision] {
                entropies.push((left, revision));
            }
        }
        let least = entropies.iter().map(|(entropy, _)| *entropy).fold(f64::INFINITY, f64::min);
        let equals = entropies.iter().filter(|(entropy, _)| *entropy <= least + 1e-12).map(|(_, revision)| *revision);
        // Counted from the newest revision, the first of two that are as far from the middle.
        let middle = (self.revisions.len() - 1).saturating_sub(self.revisions.len() / 2);
        equals.rev().min_by_key(|revision| revision.abs_diff(middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Shape;

    #[test]
    fn bayesect_finds_the_culprit_in_a_short_noisy_line() {
        let right = (0..50).filter(|seed| {
            let world = World::new(64, Shape::Linear, 0.9, 0.02, *seed).unwrap();
            world.is_right(&search(&world).named)
        });
        assert!(right.count() >= 44);
    }
}
