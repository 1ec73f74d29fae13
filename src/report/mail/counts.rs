//! How often a failure occurred in the trials of one cell.

use changepoint::{Position, Rate};
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

    /// The rate with its 95 % interval; `None` without trials.
    pub(super) fn rate(self) -> Option<Rate> {
        Rate::of(Position { failures: self.hits, passes: self.trials - self.hits })
    }

    /// `3 of 20 boots (95 % interval: 5 to 36 %)`, or with the bound where all agree.
    pub(super) fn words(self) -> String {
        let boots = if self.trials == 1 { "boot" } else { "boots" };
        let rate = self.rate().filter(|_| self.trials > 1);
        let is_mixed = (1..self.trials).contains(&self.hits);
        let term = if is_mixed { "interval" } else { "bound" };
        let interval = rate.map(|rate| format!(" (95 % {term}: {})", rate.interval(" to ")));
        format!("{} of {} {boots}{}", self.hits, self.trials, interval.unwrap_or_default())
    }

    /// Whether it never occurred here, while `bad` has it, and chance does not explain the difference: the intervals are apart.
    pub fn is_good_beside(self, bad: Self) -> bool {
        let apart = self.rate().zip(bad.rate()).is_some_and(|(good, bad)| good.high < bad.low);
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
        assert_eq!(occurrence(20, 20).words(), "20 of 20 boots (95 % bound: at least 86 %)");
        assert_eq!(occurrence(0, 20).words(), "0 of 20 boots (95 % bound: at most 14 %)");
        assert_eq!(occurrence(3, 20).words(), "3 of 20 boots (95 % interval: 5 to 36 %)");
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
