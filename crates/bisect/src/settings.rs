//! What a bisection assumes and when it is content.

use super::beta::Beta;
use serde::{Deserialize, Serialize};

/// What is assumed before the first trial, and what is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The probability that the answer must hold, below one.
    pub target: f64,
    /// What is believed of *p*, the share of trials of an affected revision that hang.
    pub affected: Beta,
    /// What is believed of *q*, the share of trials of an unaffected revision that hang.
    pub unaffected: Beta,
    /// The probability that the good end is affected too: that nothing differs, or that the culprit is older.
    pub all_affected: f64,
    /// The probability that not even the bad end is affected.
    pub none_affected: f64,
    /// The smallest *p* that is worth a bisection: a bad end that passes so often that this *p* is refuted at
    /// `target` counts as good.
    pub least_p: f64,
    /// Trials of one revision that fail in another way, and no other, before it counts as one that cannot be tried.
    pub most_others: u32,
    /// Trials after which the search ends with what it knows.
    pub most_trials: Option<u32>,
    /// A first estimate of a trial, in seconds.
    pub trial_s: f64,
    /// A first estimate of a build, in seconds; zero where nothing is built.
    pub build_s: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: 0.95,
            // Most hangs show always or nearly always; none is ruled out.
            affected: Beta { hangs: 1.0, passes: 0.5 },
            // A trial in a hundred times out on a loaded host.
            unaffected: Beta { hangs: 0.2, passes: 20.0 },
            all_affected: 0.1,
            none_affected: 0.05,
            least_p: 0.1,
            most_others: 4,
            most_trials: None,
            trial_s: 60.0,
            build_s: 0.0,
        }
    }
}

/// Why settings make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {must}")]
pub struct SettingsError {
    /// The field.
    pub name: &'static str,
    /// What it must be.
    pub must: &'static str,
}

impl Settings {
    /// Whether they make sense.
    ///
    /// # Errors
    ///
    /// Names the first field that does not.
    pub fn check(&self) -> Result<(), SettingsError> {
        let within = |value: f64, low: f64, high: f64| value > low && value < high;
        let positive = |beta: Beta| within(beta.hangs, 0.0, f64::INFINITY) && within(beta.passes, 0.0, f64::INFINITY);
        let seconds = |value: f64| value.is_finite() && value >= 0.0;
        let wrong = [
            (!within(self.target, 0.5, 1.0), "target", "between 0.5 and 1"),
            (!positive(self.affected), "affected", "above zero"),
            (!positive(self.unaffected), "unaffected", "above zero"),
            (!within(self.all_affected, 0.0, 0.5), "all_affected", "between 0 and 0.5"),
            (!within(self.none_affected, 0.0, 0.5), "none_affected", "between 0 and 0.5"),
            (!within(self.least_p, 0.0, 1.0), "least_p", "between 0 and 1"),
            (self.most_others == 0, "most_others", "above zero"),
            (!seconds(self.trial_s) || self.trial_s == 0.0, "trial_s", "above zero"),
            (!seconds(self.build_s), "build_s", "zero or more"),
        ];
        let first = wrong.into_iter().find(|(wrong, ..)| *wrong);
        first.map_or(Ok(()), |(_, name, must)| Err(SettingsError { name, must }))
    }
}
