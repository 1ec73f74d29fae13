//! Unknown shares, as Beta distributions.

use super::sample::Tally;
use serde::{Deserialize, Serialize};
use std::f64::consts::{FRAC_PI_2, PI};

/// What is believed of the share of trials that hang: as if `hangs` and `passes` had been seen. Both are above zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Beta {
    /// Hangs, as it were.
    pub hangs: f64,
    /// Passes, as it were.
    pub passes: f64,
}

impl Beta {
    /// The belief after these trials.
    pub fn after(self, tally: Tally) -> Self {
        Self { hangs: self.hangs + f64::from(tally.hangs), passes: self.passes + f64::from(tally.passes) }
    }

    /// The expected share.
    pub fn mean(self) -> f64 {
        self.hangs / (self.hangs + self.passes)
    }

    /// The logarithm of the probability of these trials, in the order in which they came.
    pub fn ln_marginal(self, tally: Tally) -> f64 {
        self.after(tally).ln_norm() - self.ln_norm()
    }

    /// The probability of each number of hangs in `trials` trials, from none to all.
    pub(super) fn hangs_in(self, trials: u32) -> Vec<f64> {
        let mut probabilities = Vec::with_capacity(trials as usize + 1);
        // All pass; then each further hang takes the place of a pass.
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

    fn ln_norm(self) -> f64 {
        ln_gamma(self.hangs) + ln_gamma(self.passes) - ln_gamma(self.hangs + self.passes)
    }
}

/// Between which shares the middle `mass` of a mixture of beliefs lies. The weights add up to one.
pub(super) fn interval(beliefs: &[(f64, Beta)], mass: f64) -> (f64, f64) {
    // In the angle whose squared sine is the share, the density is nearly finite at both ends; cubed, it is so at zero,
    // where beliefs about rare hangs are steepest.
    const STEPS: u32 = 2000;
    let step = 1.0 / f64::from(STEPS);
    let density = |at: f64| {
        let (sine, cosine) = (FRAC_PI_2 * at.powi(3)).sin_cos();
        let of = |beta: &Beta| {
            let ln = (2.0 * beta.hangs - 1.0) * sine.ln() + (2.0 * beta.passes - 1.0) * cosine.ln() - beta.ln_norm();
            3.0 * PI * at.powi(2) * ln.exp()
        };
        (sine * sine, beliefs.iter().map(|(weight, beta)| weight * of(beta)).sum::<f64>())
    };
    let (mut below, mut low, mut high) = (0.0, None, 1.0);
    for at in 0..STEPS {
        let (share, density) = density((f64::from(at) + 0.5) * step);
        below += density * step;
        if below >= (1.0 - mass) / 2.0 && low.is_none() {
            low = Some(share);
        }
        if below >= (1.0 + mass) / 2.0 {
            high = share;
            break;
        }
    }
    (low.unwrap_or(0.0), high)
}

/// The logarithm of the gamma function for positive arguments: Lanczos' approximation with g = 7 and nine terms, good
/// to about fifteen digits.
pub(super) fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Reflection: the approximation holds on the right only.
        return (PI / (PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let sum: f64 = (1..).zip(TERMS).map(|(at, term)| term / (x + f64::from(at))).sum();
    let shifted = x + 7.5;
    0.5 * (2.0 * PI).ln() + (x + 0.5) * shifted.ln() - shifted + (0.999_999_999_999_809_9 + sum).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gamma_function_agrees_with_factorials_and_halves() {
        let mut factorial = 0.0;
        for n in 1..60_u32 {
            assert!((ln_gamma(f64::from(n)) - factorial).abs() < 1e-12 * (1.0 + factorial), "{n}");
            factorial += f64::from(n).ln();
        }
        assert!((ln_gamma(0.5) - PI.sqrt().ln()).abs() < 1e-14);
        assert!((ln_gamma(0.1) - 2.252_712_651_734_206).abs() < 1e-12);
    }

    #[test]
    fn numbers_of_hangs_are_a_distribution_with_the_right_mean() {
        for beta in
            [Beta { hangs: 0.2, passes: 20.0 }, Beta { hangs: 1.0, passes: 0.5 }, Beta { hangs: 61.0, passes: 0.5 }]
        {
            for trials in [1, 2, 7, 34] {
                let chances = beta.hangs_in(trials);
                assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                let mean: f64 = (0..).zip(&chances).map(|(hangs, chance)| f64::from(hangs) * chance).sum();
                assert!((mean - beta.mean() * f64::from(trials)).abs() < 1e-10);
                assert!((chances[0] - beta.all_pass(trials)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn intervals_are_those_of_known_distributions() {
        let (low, high) = interval(&[(1.0, Beta { hangs: 1.0, passes: 1.0 })], 0.9);
        assert!((low - 0.05).abs() < 2e-3 && (high - 0.95).abs() < 2e-3, "{low} {high}");
        // By the incomplete beta function.
        let (_, high) = interval(&[(1.0, Beta { hangs: 0.2, passes: 20.0 })], 0.9);
        assert!((high - 0.0506).abs() < 5e-3, "{high}");
        // The square root of a uniform share.
        let (low, high) = interval(&[(1.0, Beta { hangs: 2.0, passes: 1.0 })], 0.9);
        assert!((low - 0.05_f64.sqrt()).abs() < 2e-3 && (high - 0.95_f64.sqrt()).abs() < 2e-3, "{low} {high}");
    }
}
