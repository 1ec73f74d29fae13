//! Alarms against the changes of a year.

use crate::rules::Alarm;
use crate::year::{Change, Test};

/// A class of changes, a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A passing test fails at a rate of 1.
    NewAlways,
    /// At a rate of 0.5.
    NewHalf,
    /// At a rate of 0.2.
    NewFifth,
    /// At a rate of 0.1.
    NewTenth,
    /// At a rate of 0.05.
    NewTwentieth,
    /// At a rate of 0.02.
    NewFiftieth,
    /// A rate that rises, other than from a pass, by at least 0.5.
    MuchWorse,
    /// By less.
    Worse,
    /// A rate that falls by at least 0.5.
    MuchBetter,
    /// By 0.2 to 0.5.
    Better,
    /// By less.
    SlightlyBetter,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 11] = [
        Self::NewAlways,
        Self::NewHalf,
        Self::NewFifth,
        Self::NewTenth,
        Self::NewTwentieth,
        Self::NewFiftieth,
        Self::MuchWorse,
        Self::Worse,
        Self::MuchBetter,
        Self::Better,
        Self::SlightlyBetter,
    ];

    /// The class of a change.
    pub fn of(change: Change) -> Self {
        let by = change.after - change.before;
        if change.before < 0.02 && by > 0.0 {
            match change.after {
                0.75.. => Self::NewAlways,
                0.4.. => Self::NewHalf,
                0.15.. => Self::NewFifth,
                0.075.. => Self::NewTenth,
                0.035.. => Self::NewTwentieth,
                _ => Self::NewFiftieth,
            }
        } else if by > 0.35 {
            Self::MuchWorse
        } else if by > 0.0 {
            Self::Worse
        } else if by < -0.45 {
            Self::MuchBetter
        } else if by < -0.15 {
            Self::Better
        } else {
            Self::SlightlyBetter
        }
    }

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NewAlways => "new, 1",
            Self::NewHalf => "new, 0.5",
            Self::NewFifth => "new, 0.2",
            Self::NewTenth => "new, 0.1",
            Self::NewTwentieth => "new, 0.05",
            Self::NewFiftieth => "new, 0.02",
            Self::MuchWorse => "worse by 0.5",
            Self::Worse => "worse by 0.2",
            Self::MuchBetter => "better by 0.5 to 1",
            Self::Better => "better by 0.2 to 0.5",
            Self::SlightlyBetter => "better by less",
        }
    }
}

/// What the alarms of a policy are worth.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// Each change, and the nights until it was found; `None` if it never was.
    pub delays: Vec<(Change, Option<usize>)>,
    /// Alarms without a change that say that a test fails more often.
    pub false_up: u32,
    /// Those that say that it fails less often.
    pub false_down: u32,
}

impl Score {
    /// The share of these changes that are found within so many nights; not a number without such changes.
    pub fn share(&self, max_delay: usize, is_meant: impl Fn(Change) -> bool) -> f64 {
        let (found, all) =
            self.delays.iter().filter(|(change, _)| is_meant(*change)).fold((0, 0), |(found, all), one| {
                (found + u32::from(one.1.is_some_and(|delay| delay <= max_delay)), all + 1)
            });
        f64::from(found) / f64::from(all)
    }

    /// The median of the nights until a change of this class is found; `None` if most of them never are.
    pub fn median(&self, class: Class) -> Option<usize> {
        let of_class = self.delays.iter().filter(|(change, _)| Class::of(*change) == class);
        let mut delays: Vec<Option<usize>> = of_class.map(|(_, delay)| *delay).collect();
        delays.sort_unstable_by_key(|delay| delay.unwrap_or(usize::MAX));
        delays.get(delays.len() / 2).copied().flatten()
    }

    /// Both together.
    pub fn and(mut self, other: &Self) -> Self {
        self.delays.extend(&other.delays);
        Self {
            delays: self.delays,
            false_up: self.false_up + other.false_up,
            false_down: self.false_down + other.false_down,
        }
    }

    /// Counts one test. An alarm finds the latest change before it, if that has its direction and was not found yet.
    pub fn count(&mut self, test: &Test, alarms: &[Alarm]) {
        let mut delays: Vec<(Change, Option<usize>)> = test.changes.iter().map(|change| (*change, None)).collect();
        for alarm in alarms {
            let latest = delays.iter_mut().rev().find(|(change, _)| change.night <= alarm.night);
            match latest {
                Some((change, delay @ None)) if (change.after > change.before) == alarm.is_up => {
                    *delay = Some(alarm.night - change.night);
                }
                _ if alarm.is_up => self.false_up += 1,
                _ => self.false_down += 1,
            }
        }
        self.delays.extend(delays);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarm_finds_the_latest_change_once() {
        let changes =
            vec![Change { night: 10, before: 0.0, after: 0.5 }, Change { night: 20, before: 0.5, after: 0.0 }];
        let test = Test { rate: 0.0, changes };
        let alarm = |night, is_up| Alarm { night, is_up };
        let mut score = Score::default();
        score.count(&test, &[alarm(5, true), alarm(11, true), alarm(13, true), alarm(14, false), alarm(26, true)]);
        let delays: Vec<Option<usize>> = score.delays.iter().map(|(_, delay)| *delay).collect();
        assert_eq!(delays, [Some(1), None]);
        assert_eq!((score.false_up, score.false_down), (3, 1));
        assert_eq!((score.median(Class::NewHalf), score.median(Class::MuchBetter)), (Some(1), None));
        assert_eq!((score.share(0, |_| true), score.share(1, |_| true)), (0.0, 0.5));
    }
}
