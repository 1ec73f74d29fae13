//! Beta distributions over failure rates.

use super::trial::Tally;
use libm::lgamma;
use serde::{Deserialize, Serialize};
use std::f64::consts::{FRAC_PI_2, PI};

/// A Beta distribution over a failure rate, given by pseudo-counts. Both are above zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Beta {
    /// Pseudo-count of failures, α.
    pub hangs: f64,
    /// Pseudo-count of passes, β.
    pub passes: f64,
}

impl Beta {
    /// The posterior after these trials.
    pub fn after(self, tally: Tally) -> Self {
        Self { hangs: self.hangs + f64::from(tally.hangs), passes: self.passes + f64::from(tally.passes) }
    }

    /// The expected rate.
    pub fn mean(self) -> f64 {
        self.hangs / (self.hangs + self.passes)
    }

    /// The logarithm of the marginal likelihood of a sequence of trials with this tally.
    pub fn ln_marginal(self, tally: Tally) -> f64 {
        self.after(tally).ln_norm() - self.ln_norm()
    }

    /// The beta-binomial distribution: the probability of each number of failures in `trials` trials, from zero to all.
    pub fn hang_distribution(self, trials: u32) -> Vec<f64> {
        let mut probabilities = Vec::with_capacity(trials as usize + 1);
        // Starts from all passes; each further failure replaces a pass.
        let mut probability: f64 =
            (0..trials).map(|at| (self.passes + f64::from(at)) / (self.hangs + self.passes + f64::from(at))).product();
        for hangs in 0..=trials {
            probabilities.push(probability);
            let left = f64::from(trials - hangs);
            let seen = f64::from(hangs);
            probability *=
                left / (seen + 1.0) * (self.hangs + seen) / (self.passes + left - 1.0).max(f64::MIN_POSITIVE);
        }
        probabilities
    }

    /// The probability that `trials` trials all pass.
    pub fn all_pass(self, trials: u32) -> f64 {
        self.ln_marginal(Tally { hangs: 0, passes: trials }).exp()
    }

    /// The probability that `trials` trials all fail.
    pub(super) fn all_hang(self, trials: u32) -> f64 {
        self.ln_marginal(Tally { hangs: trials, passes: 0 }).exp()
    }

    /// The logarithm of the beta function.
    fn ln_norm(self) -> f64 {
        lgamma(self.hangs) + lgamma(self.passes) - lgamma(self.hangs + self.passes)
    }
}

/// The central interval that holds `coverage` of a mixture of Beta distributions, whose weights add up to one.
pub(super) fn interval(mixture: &[(f64, Beta)], coverage: f64) -> (f64, f64) {
    // Substitutes rate = sin²(π/2·t³): the density in t is nearly finite at both ends, also for rare failures, whose
    // density is steepest at zero.
    const STEPS: u32 = 2000;
    let step = 1.0 / f64::from(STEPS);
    let density = |at: f64| {
        let (sine, cosine) = (FRAC_PI_2 * at.powi(3)).sin_cos();
        let of = |beta: &Beta| {
            let ln = (2.0 * beta.hangs - 1.0) * sine.ln() + (2.0 * beta.passes - 1.0) * cosine.ln() - beta.ln_norm();
            3.0 * PI * at.powi(2) * ln.exp()
        };
        (sine * sine, mixture.iter().map(|(weight, beta)| weight * of(beta)).sum::<f64>())
    };
    let (mut below, mut low, mut high) = (0.0, None, 1.0);
    for at in 0..STEPS {
        let (rate, density) = density((f64::from(at) + 0.5) * step);
        below += density * step;
        if below >= (1.0 - coverage) / 2.0 && low.is_none() {
            low = Some(rate);
        }
        if below >= (1.0 + coverage) / 2.0 {
            high = rate;
            break;
        }
    }
    (low.unwrap_or(0.0), high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marginal_likelihood_is_the_product_of_predictions() {
        // 1 hang, 2 passes from Beta(0.2, 20): 0.2/20.2 · 20/21.2 · 21/22.2.
        let beta = Beta { hangs: 0.2, passes: 20.0 };
        let product = 0.2 / 20.2 * (20.0 / 21.2) * (21.0 / 22.2);
        assert!((beta.ln_marginal(Tally { hangs: 1, passes: 2 }).exp() - product).abs() < 1e-14);
        assert!((beta.all_pass(2) - 20.0 / 20.2 * (21.0 / 21.2)).abs() < 1e-14);
    }

    #[test]
    fn hang_distribution_sums_to_one_with_the_right_mean() {
        for beta in
            [Beta { hangs: 0.2, passes: 20.0 }, Beta { hangs: 1.0, passes: 0.5 }, Beta { hangs: 61.0, passes: 0.5 }]
        {
            for trials in [1, 2, 7, 34] {
                let chances = beta.hang_distribution(trials);
                assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                let mean: f64 = (0..).zip(&chances).map(|(hangs, chance)| f64::from(hangs) * chance).sum();
                assert!((mean - beta.mean() * f64::from(trials)).abs() < 1e-10);
                assert!((chances[0] - beta.all_pass(trials)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn interval_agrees_with_known_distributions() {
        let (low, high) = interval(&[(1.0, Beta { hangs: 1.0, passes: 1.0 })], 0.9);
        assert!((low - 0.05).abs() < 2e-3 && (high - 0.95).abs() < 2e-3, "{low} {high}");
        // By the incomplete beta function.
        let (_, high) = interval(&[(1.0, Beta { hangs: 0.2, passes: 20.0 })], 0.9);
        assert!((high - 0.0506).abs() < 5e-3, "{high}");
        // The square root of a uniform variable.
        let (low, high) = interval(&[(1.0, Beta { hangs: 2.0, passes: 1.0 })], 0.9);
        assert!((low - 0.05_f64.sqrt()).abs() < 2e-3 && (high - 0.95_f64.sqrt()).abs() < 2e-3, "{low} {high}");
    }
}
