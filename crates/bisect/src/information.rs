//! How much trials are expected to tell.

use super::beta::Beta;
use super::evidence::{Belief, Case};

/// How many trials of one revision are weighed as a batch: a build that is used for one trial only looks dearer than it
/// is.
pub(super) const BATCHES: [u32; 8] = [1, 2, 3, 5, 8, 13, 21, 34];

/// Shares at which information is tabulated.
const GRID: usize = 128;

/// What a batch of trials of a revision that was never tried tells about whether it is affected.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    /// How many trials.
    pub trials: u32,
    /// The chance of each number of hangs, if the revision is affected, and if it is not.
    affected: Vec<f64>,
    unaffected: Vec<f64>,
    /// The entropies of both, in bits.
    noise: [f64; 2],
}

impl Batch {
    /// A batch of so many trials.
    pub fn new(beliefs: &[Belief], trials: u32) -> Self {
        let affected = mixture(beliefs, trials, |belief| (belief.case != Case::None).then_some(belief.p)).0;
        let unaffected = mixture(beliefs, trials, |belief| (belief.case != Case::All).then_some(belief.q)).0;
        let noise = [&affected, &unaffected].map(|chances| entropy(chances.iter().copied()));
        Self { trials, affected, unaffected, noise }
    }

    /// Expected information in bits, when the revision is affected with probability `share`.
    pub fn bits(&self, share: f64) -> f64 {
        let blend = self.affected.iter().zip(&self.unaffected).map(|(one, other)| share * one + (1.0 - share) * other);
        (entropy(blend) - share * self.noise[0] - (1.0 - share) * self.noise[1]).max(0.0)
    }
}

/// Expected information by the probability that the revision is affected; straight between its points.
#[derive(Debug, Clone)]
pub(super) struct Table(Vec<f64>);

impl Table {
    /// That of a batch.
    pub fn of(batch: &Batch) -> Self {
        Self::new(|share| batch.bits(share))
    }

    /// That of as many trials as it takes.
    pub fn of_decision() -> Self {
        Self::new(|share| entropy([share, 1.0 - share].into_iter()))
    }

    fn new(bits: impl Fn(f64) -> f64) -> Self {
        Self((0..=GRID).map(|at| bits(at as f64 / GRID as f64)).collect())
    }

    /// In bits.
    pub fn bits(&self, share: f64) -> f64 {
        let at = share.clamp(0.0, 1.0) * GRID as f64;
        let low = (at as usize).min(GRID - 1);
        let part = at - low as f64;
        self.0[low] * (1.0 - part) + self.0[low + 1] * part
    }
}

/// The distribution of hangs over all cases, and the mean of its entropy in each.
fn mixture(beliefs: &[Belief], trials: u32, share: impl Fn(&Belief) -> Option<Beta>) -> (Vec<f64>, f64) {
    let (mut blend, mut noise, mut mass) = (vec![0.0; trials as usize + 1], 0.0, 0.0);
    for belief in beliefs.iter().filter(|belief| belief.mass > 1e-9) {
        let Some(beta) = share(belief) else { continue };
        let chances = beta.hangs_in(trials);
        blend.iter_mut().zip(&chances).for_each(|(sum, chance)| *sum += belief.mass * chance);
        noise += belief.mass * entropy(chances.into_iter());
        mass += belief.mass;
    }
    if mass > 0.0 {
        blend.iter_mut().for_each(|sum| *sum /= mass);
        noise /= mass;
    }
    (blend, noise)
}

/// Expected information in bits of `trials` trials of a revision of which it is known in which cases it is affected.
/// Exact: that it has been tried already is in the beliefs.
pub(super) fn bits(beliefs: &[Belief], trials: u32, affected: impl Fn(Case) -> bool) -> f64 {
    let share = |belief: &Belief| Some(if affected(belief.case) { belief.p } else { belief.q });
    let (blend, noise) = mixture(beliefs, trials, share);
    (entropy(blend.into_iter()) - noise).max(0.0)
}

/// In bits.
pub(super) fn entropy(probabilities: impl Iterator<Item = f64>) -> f64 {
    probabilities.filter(|probability| *probability > 0.0).map(|probability| -probability * probability.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn belief(group: usize, mass: f64, p: Beta) -> Belief {
        Belief { case: Case::Group(group), mass, p, q: Beta { hangs: 1e-6, passes: 1000.0 } }
    }

    #[test]
    fn a_sure_hang_tells_whether_the_revision_is_affected() {
        let batch = Batch::new(&[belief(0, 1.0, Beta { hangs: 1000.0, passes: 1e-6 })], 1);
        assert!((batch.bits(0.5) - 1.0).abs() < 1e-3);
        assert!((batch.bits(0.25) - 0.811).abs() < 1e-3);
        assert!((Table::of(&batch).bits(0.2525) - batch.bits(0.2525)).abs() < 1e-3);
        assert!(batch.bits(0.0).abs() < 1e-6 && batch.bits(1.0).abs() < 1e-6);
        assert!((Table::of_decision().bits(0.25) - batch.bits(0.25)).abs() < 1e-3);
    }

    #[test]
    fn more_trials_tell_more_but_ever_less_each() {
        let beliefs = [belief(0, 1.0, Beta { hangs: 200.0, passes: 800.0 })];
        let bits = BATCHES.map(|trials| Batch::new(&beliefs, trials).bits(0.5));
        assert!(bits.is_sorted() && bits[7] > 0.95 && bits[7] < 1.0, "{bits:?}");
        assert!(bits[0] > bits[1] - bits[0]);
    }

    #[test]
    fn a_revision_that_is_known_tells_nothing() {
        let p = Beta { hangs: 20.0, passes: 20.0 };
        assert!(bits(&[belief(0, 0.5, p), belief(1, 0.5, p)], 3, |_| true) < 1e-12);
        assert!(bits(&[belief(0, 0.5, p), belief(1, 0.5, p)], 3, |case| case == Case::Group(0)) > 0.5);
    }
}
