//! What an assessment assumes, and when it decides.

use bisect::Beta;
use serde::{Deserialize, Serialize};

/// Assumptions about tests, and thresholds of decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Prior of the failure rate of a segment.
    pub rate: Beta,
    /// Prior probability that the rate changes at a given position.
    pub change: f64,
    /// A change is found at this probability.
    pub found: f64,
    /// A suspected change is dismissed below this probability; in between it is undecided.
    pub dismissed: f64,
    /// Lowest failure rate of a flaky test; below, it passes.
    pub flaky_min: f64,
    /// Highest failure rate of a flaky test; above, it fails.
    pub flaky_max: f64,
    /// A change that so many further trials of the latest run do not decide is not undecided: that takes further runs.
    pub max_retries: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Compared with LUCI's values in docs/change-points.md.
            rate: Beta { hangs: 0.15, passes: 0.5 },
            change: 1e-3,
            found: 0.9,
            dismissed: 0.002,
            flaky_min: 0.02,
            flaky_max: 0.98,
            max_retries: 100,
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
    /// Checks all ranges. Functions that take settings assume that this was done.
    ///
    /// # Errors
    ///
    /// Names the first field that is out of range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let within = |value: f64, low: f64, high: f64| value > low && value < high;
        let positive = |value: f64| within(value, 0.0, f64::INFINITY);
        let checks = [
            (positive(self.rate.hangs) && positive(self.rate.passes), "rate", "above zero"),
            (within(self.change, 0.0, 0.5), "change", "between 0 and 0.5"),
            (within(self.found, 0.0, 1.0), "found", "between 0 and 1"),
            (within(self.dismissed, 0.0, self.found), "dismissed", "between 0 and found"),
            (within(self.flaky_min, 0.0, 1.0), "flaky_min", "between 0 and 1"),
            (self.max_retries <= 10_000, "max_retries", "at most 10000"),
            (within(self.flaky_max, self.flaky_min, 1.0), "flaky_max", "between flaky_min and 1"),
        ];
        let failed = checks.into_iter().find(|(is_valid, ..)| !is_valid);
        failed.map_or(Ok(()), |(_, name, range)| Err(SettingsError { name, range }))
    }

    /// The logarithm of the prior odds of a change at a given position.
    pub(super) fn ln_prior_odds(&self) -> f64 {
        ln_odds(self.change)
    }

    /// The logarithm of the odds at which a change is found.
    pub(super) fn ln_found_odds(&self) -> f64 {
        ln_odds(self.found)
    }

    /// The logarithm of the odds below which a change is dismissed.
    pub(super) fn ln_dismissed_odds(&self) -> f64 {
        ln_odds(self.dismissed)
    }
}

fn ln_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        assert_eq!(Settings::default().check(), Ok(()));
        let refused = |settings: Settings| settings.check().unwrap_err().name;
        for value in [0.0, 1.0, f64::NAN] {
            assert_eq!(refused(Settings { change: value, ..Settings::default() }), "change");
            assert_eq!(refused(Settings { found: value, ..Settings::default() }), "found");
            assert_eq!(refused(Settings { dismissed: value, ..Settings::default() }), "dismissed");
            assert_eq!(refused(Settings { flaky_min: value, ..Settings::default() }), "flaky_min");
        }
        assert_eq!(refused(Settings { max_retries: 10_001, ..Settings::default() }), "max_retries");
        assert_eq!(refused(Settings { flaky_max: 0.01, ..Settings::default() }), "flaky_max");
        assert_eq!(refused(Settings { rate: Beta { hangs: 0.0, passes: 1.0 }, ..Settings::default() }), "rate");
    }
}
