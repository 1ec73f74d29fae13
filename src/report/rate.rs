//! Failure rates of cells that ran more than once.

use changepoint::Position;
use model::{Outcome, TrialRecord};

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

    /// The failures among `trials` with a verdict on the guest.
    pub fn counted(failures: u32, trials: u32) -> Self {
        Self { failures, trials }
    }

    /// Trials that failed, and trials with a verdict on the guest.
    pub fn counts(self) -> (u32, u32) {
        (self.failures, self.trials)
    }

    /// The ends of the 95 % interval, from 0 to 1; `None` without trials.
    pub fn interval(self) -> Option<(f64, f64)> {
        self.estimate().map(|rate| (rate.low, rate.high))
    }

    /// `fails 15 % (5–36 %)`, or only the bound where all trials or none failed; `None` below two trials.
    pub fn words(self, dash: &str) -> Option<String> {
        if self.trials < 2 {
            return None;
        }
        let interval = self.estimate()?.interval(dash);
        let share = (100.0 * f64::from(self.failures) / f64::from(self.trials)).round();
        let is_mixed = (1..self.trials).contains(&self.failures);
        Some(if is_mixed { format!("fails {share} % ({interval})") } else { format!("fails {interval}") })
    }

    fn estimate(self) -> Option<changepoint::Rate> {
        changepoint::Rate::of(Position { failures: self.failures, passes: self.trials - self.failures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_told_with_its_interval_or_bound() {
        let words = |failures, trials| Rate { failures, trials }.words("–");
        assert_eq!(words(3, 20).as_deref(), Some("fails 15 % (5–36 %)"));
        assert_eq!(words(0, 20).as_deref(), Some("fails at most 14 %"));
        assert_eq!(words(20, 20).as_deref(), Some("fails at least 86 %"));
        assert_eq!((words(1, 1), words(0, 0)), (None, None));
    }
}
