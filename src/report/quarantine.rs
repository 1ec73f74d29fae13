//! What became of the entries of a quarantine.

use super::layout::{Style, counted};
use model::{Outcome, Quarantine, RunRecord, TrialRecord};
use std::collections::BTreeSet;

/// With a failure rate that is surely below this, an entry may be dropped: that takes 19 trials.
const MAX_RATE: f64 = 0.15;
/// A rate is surely below its bound with this probability.
const CONFIDENCE: f64 = 0.95;

/// An entry, and the trials of its cells.
pub(super) struct Entry<'r> {
    pub known: &'r Quarantine,
    /// Cells with a trial.
    pub cells: usize,
    /// Cells with a failure of the entry.
    pub failing_cells: usize,
    /// Trials that passed, were as expected, or failed as the entry says; any other verdict tells nothing of it.
    pub trials: u32,
    /// Those that failed as the entry says.
    pub failures: u32,
    /// Whether it has ended: by a kernel of the run, or by its date when the run began.
    pub has_expired: bool,
}

/// The entries of a run's cells, in the order of the cells.
pub(super) fn entries(run: &RunRecord) -> Vec<Entry<'_>> {
    let mut known: Vec<&Quarantine> = Vec::new();
    for entry in run.trials.iter().flat_map(|trial| &trial.cell.quarantine) {
        if !known.contains(&entry) {
            known.push(entry);
        }
    }
    known.into_iter().map(|entry| Entry::of(entry, run)).collect()
}

impl<'r> Entry<'r> {
    fn of(known: &'r Quarantine, run: &'r RunRecord) -> Self {
        // An RFC 3339 time begins with its day.
        let is_over = run.started.get(..10).is_some_and(|day| known.until.is_over_on(day));
        let mut entry = Self { known, cells: 0, failing_cells: 0, trials: 0, failures: 0, has_expired: is_over };
        let (mut cells, mut failing) = (BTreeSet::new(), BTreeSet::new());
        for trial in run.trials.iter().filter(|trial| trial.cell.quarantine.contains(known)) {
            let id = &trial.cell.id;
            cells.insert(id);
            entry.has_expired |=
                trial.kernel_release.as_deref().is_some_and(|release| known.until.is_reached_by(release));
            if !trial.as_expected() && known.matches(&trial.verdict) {
                failing.insert(id);
                entry.failures += 1;
                entry.trials += 1;
            } else if trial.as_expected() || trial.verdict.outcome() == Outcome::Pass {
                entry.trials += 1;
            }
        }
        (entry.cells, entry.failing_cells) = (cells.len(), failing.len());
        entry
    }

    /// The exact binomial bound of the failure rate (95 %, one-sided) where no trial failed; else `None`.
    pub fn max_rate(&self) -> Option<f64> {
        let is_bounded = self.failures == 0 && self.trials > 0;
        is_bounded.then(|| 1.0 - (1.0 - CONFIDENCE).powf(1.0 / f64::from(self.trials)))
    }

    /// Whether it still fails: `3 of 20 still hang/oom-livelock`.
    pub fn words(&self) -> String {
        let count = format!("{} of {}", self.failures, self.trials);
        match self.max_rate() {
            Some(rate) => {
                let bound = format!("{count}, rate below {} % (95 %)", (100.0 * rate).ceil());
                if rate <= MAX_RATE {
                    format!("passes now: {bound}: drop it")
                } else {
                    format!("{bound}: too few trials to tell")
                }
            }
            None if self.failures == 0 => "no trial tells whether it still fails".to_owned(),
            None if self.cells > 1 => {
                let cells = counted(self.cells as u64, "cell");
                format!("{count} still {}, in {} of {cells}", self.known.failures(), self.failing_cells)
            }
            None => format!("{count} still {}", self.known.failures()),
        }
    }
}

/// Every entry: whether it still fails, why it is known, until when; ends in an empty line if there is one.
pub(super) fn text(run: &RunRecord, style: Style) -> String {
    let mut out = String::new();
    for entry in entries(run) {
        let known = entry.known;
        out.push_str(&style.wrap_paragraph(&format!("{}: {}", known.place, entry.words()), 0));
        out.push_str(&style.wrap_paragraph(&known.reason, 2));
        out.push_str(&style.wrap_paragraph(&format!("until {}, {}", known.until, known.link), 2));
        out.push('\n');
    }
    out
}

/// Why an unexpected verdict is not covered by the quarantine of its cell, an entry each.
pub(super) fn not_covered(trial: &TrialRecord) -> Vec<String> {
    let entries = trial.cell.quarantine.iter().filter(|_| trial.is_unexpected());
    let why = |known: &Quarantine| match &trial.kernel_release {
        Some(release) if known.matches(&trial.verdict) => {
            format!("{} has expired: until {}, and the kernel is {release}", known.place, known.until)
        }
        _ => format!("{} covers {} alone", known.place, known.failures()),
    };
    entries.map(why).collect()
}

/// Reason, end and link of an entry on one line.
pub(super) fn sentence(known: &Quarantine) -> String {
    format!("quarantined until {}: {} ({})", known.until, known.reason, known.link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(failures: u32, trials: u32, cells: usize) -> String {
        let known = Quarantine {
            place: "quarantine.yaml:1".to_owned(),
            verdicts: vec![model::Kind::OomLivelock.into()],
            title: None,
            reason: "known".to_owned(),
            link: "https://example.org/1".to_owned(),
            until: "2026-12-31".parse().unwrap(),
        };
        Entry { known: &known, cells, failing_cells: 1, trials, failures, has_expired: false }.words()
    }

    #[test]
    fn words_say_whether_an_entry_still_fails() {
        assert_eq!(words(3, 20, 1), "3 of 20 still hang/oom-livelock");
        assert_eq!(words(1, 1, 2), "1 of 1 still hang/oom-livelock, in 1 of 2 cells");
        assert_eq!(words(0, 20, 1), "passes now: 0 of 20, rate below 14 % (95 %): drop it");
        assert_eq!(words(0, 18, 1), "0 of 18, rate below 16 % (95 %): too few trials to tell");
        assert_eq!(words(0, 1, 1), "0 of 1, rate below 95 % (95 %): too few trials to tell");
        assert_eq!(words(0, 0, 1), "no trial tells whether it still fails");
    }

    #[test]
    fn bound_is_the_exact_binomial_one() {
        let known = Quarantine {
            place: String::new(),
            verdicts: Vec::new(),
            title: None,
            reason: String::new(),
            link: String::new(),
            until: "linux-7.4".parse().unwrap(),
        };
        let entry = |failures, trials| Entry {
            known: &known,
            cells: 1,
            failing_cells: 0,
            trials,
            failures,
            has_expired: false,
        };
        for trials in [1_u32, 20, 59, 300] {
            // The rate with which no trial fails in 5 % of the cases.
            let rate = entry(0, trials).max_rate().unwrap();
            assert!(((1.0 - rate).powi(trials as i32) - 0.05).abs() < 1e-12, "{trials}: {rate}");
        }
        assert_eq!((entry(0, 0).max_rate(), entry(1, 20).max_rate()), (None, None));
    }
}
