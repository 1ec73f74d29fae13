//! What a bisection assumes, and when it stops.

use super::beta::Beta;
use serde::{Deserialize, Serialize};

/// Assumptions before the first trial, and the conditions for an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The probability that the answer must reach, below one.
    pub target: f64,
    /// Prior of *p*, the failure rate of affected revisions.
    pub affected: Beta,
    /// Prior of *q*, the failure rate of unaffected revisions.
    pub unaffected: Beta,
    /// Prior probability that the good end is affected too: the ends do not differ, or the culprit is older.
    pub all_affected: f64,
    /// Prior probability that not even the bad end is affected.
    pub none_affected: f64,
    /// The smallest *p* that is worth a bisection: a bad end whose passes refute this *p* at `target` counts as good.
    #[serde(alias = "least_p")]
    pub min_p: f64,
    /// A revision whose first so many trials all end in another failure counts as one that cannot be tried.
    #[serde(alias = "most_others")]
    pub max_others: u32,
    /// The search stops after so many trials.
    #[serde(alias = "most_trials")]
    pub max_trials: Option<u32>,
    /// Initial estimate of the duration of a trial, in seconds.
    pub trial_s: f64,
    /// Initial estimate of the duration of a build, in seconds; zero where nothing is built.
    pub build_s: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: 0.95,
            // Most failures show always or nearly always; no rate is ruled out.
            affected: Beta { hangs: 1.0, passes: 0.5 },
            // One trial in a hundred times out on a loaded host.
            unaffected: Beta { hangs: 0.2, passes: 20.0 },
            all_affected: 0.1,
            none_affected: 0.05,
            min_p: 0.1,
            max_others: 4,
            max_trials: None,
            trial_s: 60.0,
            build_s: 0.0,
        }
    }
}

/// A setting out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {range}")]
pub struct SettingsError {
    /// The field of [`Settings`].
    pub name: &'static str,
    /// Its valid range.
    pub range: &'static str,
}

impl Settings {
    /// Checks all ranges.
    ///
    /// # Errors
    ///
    /// Names the first field that is out of range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let within = |value: f64, low: f64, high: f64| value > low && value < high;
        let positive = |beta: Beta| within(beta.hangs, 0.0, f64::INFINITY) && within(beta.passes, 0.0, f64::INFINITY);
        let seconds = |value: f64| value.is_finite() && value >= 0.0;
        let checks = [
            (within(self.target, 0.5, 1.0), "target", "between 0.5 and 1"),
            (positive(self.affected), "affected", "above zero"),
            (positive(self.unaffected), "unaffected", "above zero"),
            (within(self.all_affected, 0.0, 0.5), "all_affected", "between 0 and 0.5"),
            (within(self.none_affected, 0.0, 0.5), "none_affected", "between 0 and 0.5"),
            (within(self.min_p, 0.0, 1.0), "min_p", "between 0 and 1"),
            (self.max_others > 0, "max_others", "above zero"),
            (seconds(self.trial_s) && self.trial_s > 0.0, "trial_s", "above zero"),
            (seconds(self.build_s), "build_s", "zero or more"),
        ];
        let failed = checks.into_iter().find(|(is_valid, ..)| !is_valid);
        failed.map_or(Ok(()), |(_, name, range)| Err(SettingsError { name, range }))
    }
}
