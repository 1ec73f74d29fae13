//! Sequential test of a single revision, for `git bisect run`.

use super::beta::Beta;
use super::settings::Settings;
use super::trial::Tally;
use serde::{Deserialize, Serialize};

/// The verdict on one revision after its trials so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Not certain enough yet: run another trial.
    Continue {
        /// The probability that the revision is affected.
        affected: f64,
    },
    /// It is affected.
    Bad {
        /// The probability that it is affected.
        affected: f64,
    },
    /// It is not affected.
    Good {
        /// The probability that it is affected.
        affected: f64,
    },
    /// No trials are left, and neither side is certain enough.
    Undecided {
        /// The probability that the revision is affected.
        affected: f64,
    },
}

/// Judges one revision by its trials, from even prior odds. `p` and `q` are the priors of the failure rates of affected
/// and unaffected revisions: those of [`Settings`], or posteriors from revisions that are known. Decides at the
/// probability `target`, and gives up after `max_trials`.
pub fn step(p: Beta, q: Beta, target: f64, seen: Tally, max_trials: u32) -> Step {
    let odds = (p.ln_marginal(seen) - q.ln_marginal(seen)).exp();
    let affected = if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
    if affected >= target {
        Step::Bad { affected }
    } else if 1.0 - affected >= target {
        Step::Good { affected }
    } else if seen.trials() >= max_trials {
        Step::Undecided { affected }
    } else {
        Step::Continue { affected }
    }
}

impl Settings {
    /// The number of passes without a failure after which [`step`] calls a revision good.
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
    fn step_needs_one_hang_or_passes_by_the_failure_rate() {
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
    fn step_is_undecided_after_max_trials() {
        let p = Beta { hangs: 2.0, passes: 98.0 };
        let seen = Tally { hangs: 0, passes: 10 };
        assert!(matches!(step(p, Settings::default().unaffected, 0.95, seen, 10), Step::Undecided { .. }));
    }

    #[test]
    fn step_does_not_overflow_after_thousands_of_trials() {
        assert!(matches!(judge(Settings::default().affected, 40_000, 0), Step::Bad { affected } if affected == 1.0));
    }

    #[test]
    fn passes_to_good_agrees_with_step() {
        assert!((5..30).contains(&Settings::default().passes_to_good()));
    }
}
