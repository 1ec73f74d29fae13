//! How often a failure occurred in the trials of one cell.

use bisect::wilson;
use model::{Outcome, TrialRecord, Verdict};

/// How often a failure occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Occurrence {
    /// Trials with this failure.
    pub hits: u32,
    /// Trials with a verdict on the guest: a pass, this failure, or another one.
    pub trials: u32,
    /// Of these, trials with another failure.
    pub others: u32,
    /// Trials without a verdict on the guest, which are not among `trials`.
    pub undecided: u32,
}

impl Occurrence {
    /// Counts the trials with a failure like `verdict`.
    pub fn of<'t>(verdict: &Verdict, trials: impl IntoIterator<Item = &'t TrialRecord>) -> Self {
        let mut found = Self::default();
        for trial in trials {
            match trial.verdict.outcome() {
                Outcome::Inconclusive | Outcome::LabError => found.undecided += 1,
                Outcome::Pass => found.trials += 1,
                _ if is_same(verdict, &trial.verdict) => {
                    found.trials += 1;
                    found.hits += 1;
                }
                _ => {
                    found.trials += 1;
                    found.others += 1;
                }
            }
        }
        found
    }

    /// The 95 % interval of the rate, in percent; `None` without trials.
    pub(super) fn percent(self) -> Option<(f64, f64)> {
        let (low, high) = wilson(self.hits, self.trials);
        (self.trials > 0).then_some((100.0 * low, 100.0 * high))
    }

    /// `5 of 5 boots (95 % interval: 57 to 100 %)`.
    pub(super) fn words(self) -> String {
        let boots = if self.trials == 1 { "boot" } else { "boots" };
        let interval = self.percent().filter(|_| self.trials > 1);
        let interval = interval.map(|(low, high)| format!(" (95 % interval: {low:.0} to {high:.0} %)"));
        format!("{} of {} {boots}{}", self.hits, self.trials, interval.unwrap_or_default())
    }

    /// Whether it never occurred here, while `bad` has it, and chance does not explain the difference: the intervals are apart.
    pub fn is_good_beside(self, bad: Self) -> bool {
        let apart = self.percent().zip(bad.percent()).is_some_and(|((_, high), (low, _))| high < low);
        self.hits == 0 && self.others == 0 && apart
    }
}

/// Hangs are the same by their kind. Reports of the kernel differ by their titles, too.
pub(super) fn is_same(one: &Verdict, other: &Verdict) -> bool {
    let has_title = one.outcome() != Outcome::Hang;
    one.kind == other.kind && (!has_title || one.title == other.title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occurrence(hits: u32, trials: u32) -> Occurrence {
        Occurrence { hits, trials, ..Occurrence::default() }
    }

    #[test]
    fn occurrence_has_an_interval() {
        assert_eq!(occurrence(20, 20).words(), "20 of 20 boots (95 % interval: 84 to 100 %)");
        assert_eq!(occurrence(0, 20).words(), "0 of 20 boots (95 % interval: 0 to 16 %)");
        assert_eq!(occurrence(1, 1).words(), "1 of 1 boot");
    }

    #[test]
    fn good_kernel_differs_by_more_than_chance() {
        assert!(occurrence(0, 20).is_good_beside(occurrence(20, 20)));
        assert!(!occurrence(0, 2).is_good_beside(occurrence(2, 2)), "two boots prove nothing");
        assert!(!occurrence(1, 20).is_good_beside(occurrence(20, 20)));
        assert!(!Occurrence { others: 1, ..occurrence(0, 20) }.is_good_beside(occurrence(20, 20)));
    }
}
