//! What a night has found, in one word and in numbers.

use changepoint::Trend;
use model::CellTrend;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What a night has found, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NightResult {
    /// A cell fails that did not before.
    New,
    /// A cell fails more often than before.
    Worse,
    /// The lab failed in a part of the night.
    LabFailed,
    /// A trial ended without a verdict on the guest.
    NoVerdict,
    /// A cell no longer fails, or less often; nothing is new or worse.
    Fixed,
    /// A cell fails, and whether that is a change takes more trials.
    Undecided,
    /// Nothing has changed.
    Quiet,
}

impl NightResult {
    /// The word in files and for the hook.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Worse => "worse",
            Self::LabFailed => "lab-failed",
            Self::NoVerdict => "no-verdict",
            Self::Fixed => "fixed",
            Self::Undecided => "undecided",
            Self::Quiet => "quiet",
        }
    }

    /// The program's exit status: 0 nothing new, 1 new, worse or without a verdict, 3 the lab failed.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::New | Self::Worse | Self::NoVerdict => 1,
            Self::LabFailed => 3,
            Self::Fixed | Self::Undecided | Self::Quiet => 0,
        }
    }
}

impl fmt::Display for NightResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Numbers of cells by the most urgent word for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Cells that fail and did not before.
    pub new: usize,
    /// Cells that fail more often.
    pub worse: usize,
    /// Cells that no longer fail, or less often.
    pub fixed: usize,
    /// Cells that fail, and it takes more trials to tell whether that is a change.
    pub undecided: usize,
    /// Cells that fail as before, always or at a steady rate, and should not.
    pub steady: usize,
}

impl Counts {
    /// Counts each cell once, by the most urgent of its failures.
    pub fn of<'t>(trends: impl IntoIterator<Item = &'t CellTrend>) -> Self {
        let mut cells: BTreeMap<&str, Trend> = BTreeMap::new();
        for trend in trends {
            let word = cells.entry(trend.cell.as_str()).or_insert(trend.trend);
            *word = trend.trend.min(*word);
        }
        let count = |words: &[Trend]| cells.values().filter(|word| words.contains(word)).count();
        Self {
            new: count(&[Trend::New]),
            worse: count(&[Trend::Worse]),
            fixed: count(&[Trend::Fixed, Trend::Better]),
            undecided: count(&[Trend::Undecided]),
            steady: count(&[Trend::StillFailing, Trend::Flaky]),
        }
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: Self) {
        let Self { new, worse, fixed, undecided, steady } = other;
        self.new += new;
        self.worse += worse;
        self.fixed += fixed;
        self.undecided += undecided;
        self.steady += steady;
    }

    /// The word for them.
    pub fn result(&self, lab_failed: bool) -> NightResult {
        match self {
            Self { new: 1.., .. } => NightResult::New,
            Self { worse: 1.., .. } => NightResult::Worse,
            _ if lab_failed => NightResult::LabFailed,
            Self { fixed: 1.., .. } => NightResult::Fixed,
            Self { undecided: 1.., .. } => NightResult::Undecided,
            _ => NightResult::Quiet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_urgent_word_is_the_result() {
        let counts = |new, worse, fixed, undecided| Counts { new, worse, fixed, undecided, steady: 1 };
        assert_eq!(counts(1, 1, 1, 1).result(true), NightResult::New);
        assert_eq!(counts(0, 1, 1, 1).result(true), NightResult::Worse);
        assert_eq!(counts(0, 0, 1, 1).result(true), NightResult::LabFailed);
        assert_eq!(counts(0, 0, 1, 1).result(false), NightResult::Fixed);
        assert_eq!(counts(0, 0, 0, 1).result(false), NightResult::Undecided);
        assert_eq!(counts(0, 0, 0, 0).result(false), NightResult::Quiet);
        let codes = [NightResult::New, NightResult::Worse, NightResult::LabFailed, NightResult::Quiet];
        assert_eq!(codes.map(NightResult::exit_code), [1, 1, 3, 0]);
    }
}
