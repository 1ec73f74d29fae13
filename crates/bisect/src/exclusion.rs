//! Failure rates that trials exclude.

use super::trial::Tally;
use libm::lgamma;

impl Tally {
    /// Whether the trials exclude this failure rate and all above it with this confidence: so few of them fail at this rate
    /// with a probability of at most 1 − `confidence` (the one-sided interval of Clopper and Pearson).
    pub fn excludes(self, rate: f64, confidence: f64) -> bool {
        let trials = f64::from(self.trials());
        let ln_factorial = |number: f64| lgamma(number + 1.0);
        let chance = |hangs: u32| {
            let (hangs, passes) = (f64::from(hangs), trials - f64::from(hangs));
            let ways = ln_factorial(trials) - ln_factorial(hangs) - ln_factorial(passes);
            (ways + hangs * rate.ln() + passes * (-rate).ln_1p()).exp()
        };
        self.trials() > 0 && (0..=self.hangs).map(chance).sum::<f64>() <= 1.0 - confidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_exclude_rates_by_the_rule_of_three() {
        let excludes = |passes, rate| Tally { hangs: 0, passes }.excludes(rate, 0.95);
        assert!(excludes(29, 0.1) && !excludes(28, 0.1));
        assert!(excludes(299, 0.01) && !excludes(298, 0.01));
        assert!(!excludes(0, 0.99));
    }

    #[test]
    fn failures_raise_the_excluded_rate() {
        // Clopper and Pearson for 2 of 50 trials, one-sided: qbeta(0.95, 3, 48) = 0.1206.
        let tally = Tally { hangs: 2, passes: 48 };
        assert!(tally.excludes(0.121, 0.95) && !tally.excludes(0.120, 0.95));
        assert!(!Tally { hangs: 50, passes: 0 }.excludes(0.99, 0.95));
    }
}
