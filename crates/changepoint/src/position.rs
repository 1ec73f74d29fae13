//! Trials of one run, and the rate of several.

use bisect::{Tally, wilson};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};

/// Numbers of failed and passed trials of one test: in one run, or in successive runs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Trials with the failure.
    pub failures: u32,
    /// Trials without it.
    pub passes: u32,
}

impl Position {
    /// Failed and passed trials together.
    pub const fn trials(self) -> u32 {
        self.failures + self.passes
    }

    /// Whether there are no trials: the test did not run.
    pub const fn is_empty(self) -> bool {
        self.trials() == 0
    }

    /// The share of failed trials; not a number without trials.
    pub fn share(self) -> f64 {
        f64::from(self.failures) / f64::from(self.trials())
    }
}

impl Add for Position {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { failures: self.failures + other.failures, passes: self.passes + other.passes }
    }
}

impl Sub for Position {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { failures: self.failures - other.failures, passes: self.passes - other.passes }
    }
}

impl From<Position> for Tally {
    fn from(position: Position) -> Self {
        Self { hangs: position.failures, passes: position.passes }
    }
}

/// A failure rate from 0 to 1, with its 95 % interval.
///
/// The interval is Wilson's. If all trials agree, it is the one-sided one of Clopper and Pearson, which begins at 0 or ends
/// at 1: after 100 passes the rate is below 3.0 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Trials with the failure.
    pub failures: u32,
    /// All trials, at least one.
    pub trials: u32,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Rate {
    /// `None` without trials.
    pub fn of(position: Position) -> Option<Self> {
        let (failures, trials) = (position.failures, position.trials());
        let bound = || 0.05_f64.powf(1.0 / f64::from(trials));
        let (low, high) = match position {
            Position { failures: 0, passes: 0 } => return None,
            Position { failures: 0, .. } => (0.0, 1.0 - bound()),
            Position { passes: 0, .. } => (bound(), 1.0),
            Position { .. } => wilson(failures, trials),
        };
        Some(Self { failures, trials, low, high })
    }

    /// The interval in whole percent, as in `5–36 %` with this dash; the bound where all trials agree, as in `at most 14 %`.
    pub fn interval(self, dash: &str) -> String {
        let percent = |share: f64| (100.0 * share).round();
        let (low, high) = (percent(self.low), percent(self.high));
        match self.failures {
            0 => format!("at most {high} %"),
            all if all == self.trials => format!("at least {low} %"),
            _ => format!("{low}{dash}{high} %"),
        }
    }
}

/// As in `3 of 20: 5.2 % to 36.0 %` and `0 of 100: below 3.0 %`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures, trials, low, high } = *self;
        let (low, high) = (100.0 * low, 100.0 * high);
        write!(f, "{failures} of {trials}: ")?;
        if failures == 0 {
            write!(f, "below {high:.1} %")
        } else if failures == trials {
            write!(f, "above {low:.1} %")
        } else {
            write!(f, "{low:.1} % to {high:.1} %")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display(failures: u32, passes: u32) -> String {
        Rate::of(Position { failures, passes }).unwrap().to_string()
    }

    #[test]
    fn rate_has_its_interval() {
        assert_eq!(display(0, 100), "0 of 100: below 3.0 %");
        assert_eq!(display(3, 17), "3 of 20: 5.2 % to 36.0 %");
        // 0.05 to the power of 1/20.
        assert_eq!(display(20, 0), "20 of 20: above 86.1 %");
        assert_eq!(Rate::of(Position::default()), None);
        let interval = |failures, passes| Rate::of(Position { failures, passes }).unwrap().interval("–");
        assert_eq!([interval(0, 20), interval(3, 17), interval(20, 0)], ["at most 14 %", "5–36 %", "at least 86 %"]);
    }
}
