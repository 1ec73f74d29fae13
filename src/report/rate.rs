//! Failure rates of cells that ran more than once.

use model::{Outcome, TrialRecord};

/// z of a two-sided 95 % interval.
const Z: f64 = 1.96;

/// The failures of some trials of one cell. Trials without a verdict on the guest do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    failures: u32,
    trials: u32,
}

impl Rate {
    /// Counts the trials that did not pass.
    pub fn of<'t>(trials: impl IntoIterator<Item = &'t TrialRecord>) -> Self {
        let mut rate = Self { failures: 0, trials: 0 };
        for trial in trials {
            match trial.verdict.outcome() {
                Outcome::Pass => rate.trials += 1,
                Outcome::Inconclusive | Outcome::LabError => {}
                _ => {
                    rate.trials += 1;
                    rate.failures += 1;
                }
            }
        }
        rate
    }

    /// Wilson's 95 % interval (E. B. Wilson, JASA 22, 1927), which holds for few trials and for rates of 0 and 1, too.
    fn interval(self) -> (f64, f64) {
        let (n, p) = (f64::from(self.trials), f64::from(self.failures) / f64::from(self.trials));
        let centre = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        (((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0))
    }

    /// `fails 15 % (5–36 %)`, or only the bound where all trials or none failed; `None` below two trials.
    pub fn words(self, dash: &str) -> Option<String> {
        if self.trials < 2 {
            return None;
        }
        let percent = |share: f64| (100.0 * share).round();
        let (low, high) = self.interval();
        let rate = f64::from(self.failures) / f64::from(self.trials);
        Some(match self.failures {
            0 => format!("fails at most {} %", percent(high)),
            all if all == self.trials => format!("fails at least {} %", percent(low)),
            _ => format!("fails {} % ({}{dash}{} %)", percent(rate), percent(low), percent(high)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_is_wilsons() {
        // The figures of R's `binom::binom.confint(x, n, method = "wilson")`.
        for (failures, trials, low, high) in [(3, 20, 0.0524, 0.3604), (0, 20, 0.0, 0.1611), (1, 2, 0.0945, 0.9055)] {
            let (lower, upper) = Rate { failures, trials }.interval();
            assert!((lower - low).abs() < 1e-4 && (upper - high).abs() < 1e-4, "{failures}/{trials}: {lower} {upper}");
        }
    }

    #[test]
    fn rate_is_told_with_its_interval_or_bound() {
        let words = |failures, trials| Rate { failures, trials }.words("–");
        assert_eq!(words(3, 20).as_deref(), Some("fails 15 % (5–36 %)"));
        assert_eq!(words(0, 20).as_deref(), Some("fails at most 16 %"));
        assert_eq!(words(20, 20).as_deref(), Some("fails at least 84 %"));
        assert_eq!((words(1, 1), words(0, 0)), (None, None));
    }
}
