//! One revision, tried until the answer is as sure as asked: for those who drive `git bisect` themselves.

use super::beta::Beta;
use super::sample::Tally;
use super::settings::Settings;
use serde::{Deserialize, Serialize};

/// What the trials of one revision say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Not enough: try again.
    Continue {
        /// The probability that the revision is affected.
        affected: f64,
    },
    /// It is affected.
    Bad {
        /// The probability that it is.
        affected: f64,
    },
    /// It is not affected.
    Good {
        /// The probability that it is.
        affected: f64,
    },
    /// All trials are spent, and none of the two is sure enough.
    Open {
        /// The probability that the revision is affected.
        affected: f64,
    },
}

/// Judges the trials of one revision, as likely affected as not before the first. `p` and `q` are what is believed of
/// the shares of hangs with the hang and without: those of [`Settings`], or after trials of revisions that are known.
/// It stops at the probability `target`, or after `most_trials`.
pub fn step(p: Beta, q: Beta, target: f64, seen: Tally, most_trials: u32) -> Step {
    let odds = (p.ln_marginal(seen) - q.ln_marginal(seen)).exp();
    let affected = if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
    if affected >= target {
        Step::Bad { affected }
    } else if 1.0 - affected >= target {
        Step::Good { affected }
    } else if seen.trials() >= most_trials {
        Step::Open { affected }
    } else {
        Step::Continue { affected }
    }
}

impl Settings {
    /// How many trials that all pass make [`step`] call a revision good.
    pub fn passes_to_good(&self) -> u32 {
        let is_good = |passes: &u32| {
            let seen = Tally { hangs: 0, passes: *passes };
            matches!(step(self.affected, self.unaffected, self.target, seen, u32::MAX), Step::Good { .. })
        };
        (1..10_000).find(is_good).unwrap_or(10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(p: Beta, hangs: u32, passes: u32) -> Step {
        step(p, Settings::default().unaffected, 0.95, Tally { hangs, passes }, 100)
    }

    #[test]
    fn one_hang_is_enough_and_how_many_passes_depends_on_p() {
        let vague = Settings::default().affected;
        assert!(matches!(judge(vague, 0, 0), Step::Continue { affected } if (affected - 0.5).abs() < 1e-12));
        assert!(matches!(judge(vague, 1, 0), Step::Bad { .. }));
        assert!(matches!(judge(vague, 0, 3), Step::Continue { .. }));
        let (sure, rare) = (Beta { hangs: 50.0, passes: 1.0 }, Beta { hangs: 20.0, passes: 80.0 });
        assert!(matches!(judge(sure, 0, 1), Step::Good { .. }));
        assert!(matches!(judge(rare, 0, 10), Step::Continue { .. }));
        assert!(matches!(judge(rare, 0, 20), Step::Good { .. }));
    }

    #[test]
    fn it_ends_after_the_last_trial() {
        let p = Beta { hangs: 2.0, passes: 98.0 };
        let seen = Tally { hangs: 0, passes: 10 };
        assert!(matches!(step(p, Settings::default().unaffected, 0.95, seen, 10), Step::Open { .. }));
    }

    #[test]
    fn thousands_of_trials_do_not_overflow() {
        assert!(matches!(judge(Settings::default().affected, 40_000, 0), Step::Bad { affected } if affected == 1.0));
    }

    #[test]
    fn passes_to_good_are_those_that_step_asks_for() {
        assert!((5..30).contains(&Settings::default().passes_to_good()));
    }
}
