//! Expected information of trials.

use super::beta::Beta;
use super::evidence::{Belief, Hypothesis};

/// Sizes of the batches of trials that are considered after a build: judged by a single trial, a build would look dearer
/// than it is.
pub(super) const BATCHES: [u32; 12] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233];

/// Intervals of the table of information.
const GRID: usize = 128;

/// A batch of trials of a revision without trials so far, as a test of whether it is affected.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    /// The number of trials.
    pub trials: u32,
    /// The probability of each number of failures, if the revision is affected, and if it is not.
    affected: Vec<f64>,
    unaffected: Vec<f64>,
    /// The entropies of both distributions, in bits.
    noise: [f64; 2],
}

impl Batch {
    pub fn new(beliefs: &[Belief], trials: u32) -> Self {
        let affected =
            mixture(beliefs, trials, |belief| (belief.hypothesis != Hypothesis::NoneAffected).then_some(belief.p)).0;
        let unaffected =
            mixture(beliefs, trials, |belief| (belief.hypothesis != Hypothesis::AllAffected).then_some(belief.q)).0;
        let noise = [&affected, &unaffected].map(|chances| entropy(chances.iter().copied()));
        Self { trials, affected, unaffected, noise }
    }

    /// Expected information in bits, when the revision is affected with probability `share`.
    pub fn bits(&self, share: f64) -> f64 {
        let blend = self.affected.iter().zip(&self.unaffected).map(|(one, other)| share * one + (1.0 - share) * other);
        (entropy(blend) - share * self.noise[0] - (1.0 - share) * self.noise[1]).max(0.0)
    }
}

/// Expected information as a function of the probability that the revision is affected, interpolated linearly.
#[derive(Debug, Clone)]
pub(super) struct Table(Vec<f64>);

impl Table {
    /// The information of a batch.
    pub fn of(batch: &Batch) -> Self {
        Self::new(|share| batch.bits(share))
    }

    /// The information of a certain decision.
    pub fn of_decision() -> Self {
        Self::new(|share| entropy([share, 1.0 - share].into_iter()))
    }

    fn new(bits: impl Fn(f64) -> f64) -> Self {
        Self((0..=GRID).map(|at| bits(at as f64 / GRID as f64)).collect())
    }

    /// Expected information in bits.
    pub fn bits(&self, share: f64) -> f64 {
        let at = share.clamp(0.0, 1.0) * GRID as f64;
        let low = (at as usize).min(GRID - 1);
        let part = at - low as f64;
        self.0[low] * (1.0 - part) + self.0[low + 1] * part
    }
}

/// The distribution of failures over all hypotheses, and the mean of its entropies under each.
fn mixture(beliefs: &[Belief], trials: u32, share: impl Fn(&Belief) -> Option<Beta>) -> (Vec<f64>, f64) {
    let (mut blend, mut noise, mut total) = (vec![0.0; trials as usize + 1], 0.0, 0.0);
    for belief in beliefs.iter().filter(|belief| belief.posterior > 1e-9) {
        let Some(beta) = share(belief) else { continue };
        let chances = beta.hang_distribution(trials);
        blend.iter_mut().zip(&chances).for_each(|(sum, chance)| *sum += belief.posterior * chance);
        noise += belief.posterior * entropy(chances.into_iter());
        total += belief.posterior;
    }
    if total > 0.0 {
        blend.iter_mut().for_each(|sum| *sum /= total);
        noise /= total;
    }
    (blend, noise)
}

/// Expected information in bits of `trials` trials of a revision, given the hypotheses under which it is affected. Exact:
/// its earlier trials are part of the beliefs.
pub(super) fn bits(beliefs: &[Belief], trials: u32, affected: impl Fn(Hypothesis) -> bool) -> f64 {
    let share = |belief: &Belief| Some(if affected(belief.hypothesis) { belief.p } else { belief.q });
    let (blend, noise) = mixture(beliefs, trials, share);
    (entropy(blend.into_iter()) - noise).max(0.0)
}

/// Shannon entropy in bits.
pub(super) fn entropy(probabilities: impl Iterator<Item = f64>) -> f64 {
    probabilities.filter(|probability| *probability > 0.0).map(|probability| -probability * probability.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn belief(group: usize, posterior: f64, p: Beta) -> Belief {
        Belief { hypothesis: Hypothesis::Group(group), posterior, p, q: Beta { hangs: 1e-6, passes: 1000.0 } }
    }

    #[test]
    fn batch_of_certain_failures_gains_the_whole_entropy() {
        let batch = Batch::new(&[belief(0, 1.0, Beta { hangs: 1000.0, passes: 1e-6 })], 1);
        assert!((batch.bits(0.5) - 1.0).abs() < 1e-3);
        assert!((batch.bits(0.25) - 0.811).abs() < 1e-3);
        assert!((Table::of(&batch).bits(0.2525) - batch.bits(0.2525)).abs() < 1e-3);
        assert!(batch.bits(0.0).abs() < 1e-6 && batch.bits(1.0).abs() < 1e-6);
        assert!((Table::of_decision().bits(0.25) - batch.bits(0.25)).abs() < 1e-3);
    }

    #[test]
    fn larger_batches_gain_more_with_diminishing_returns() {
        let beliefs = [belief(0, 1.0, Beta { hangs: 200.0, passes: 800.0 })];
        let bits = BATCHES.map(|trials| Batch::new(&beliefs, trials).bits(0.5));
        assert!(bits.is_sorted() && bits[7] > 0.95 && bits[7] < 1.0, "{bits:?}");
        assert!(bits[0] > bits[1] - bits[0]);
    }

    #[test]
    fn decided_revision_gains_nothing() {
        let p = Beta { hangs: 20.0, passes: 20.0 };
        assert!(bits(&[belief(0, 0.5, p), belief(1, 0.5, p)], 3, |_| true) < 1e-12);
        assert!(
            bits(&[belief(0, 0.5, p), belief(1, 0.5, p)], 3, |hypothesis| hypothesis == Hypothesis::Group(0)) > 0.5
        );
    }
}
