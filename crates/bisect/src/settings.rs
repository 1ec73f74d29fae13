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
    /// The smallest *p* that is searched for: a bad end whose trials exclude this *p* at `target` counts as good. To be set
    /// with [`Settings::at_rate`], which adapts the priors.
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
    /// Affected revisions pass and the others fail, in search of a fix: see [`Settings::inverted`].
    #[serde(skip)]
    pub inverted: bool,
    /// Either end may be the one that fails, so that both are tried first. A failure of the good end alone is reported as
    /// [`InvalidPremise::BadEndPasses`](crate::InvalidPremise), for the search to be inverted.
    #[serde(skip)]
    pub either_end: bool,
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
            inverted: false,
            either_end: false,
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
    /// The same settings in search of failures that show in at least this share of the trials. Below the default of 0.1,
    /// the priors change: about 5 % of the prior of *p* are below `min_p`, and the expectation of *q* is a tenth of it. With
    /// the default priors, a revision that passes often would count as unaffected long before a rare failure is excluded.
    #[must_use]
    pub fn at_rate(self, min_p: f64) -> Self {
        let Self { affected, unaffected, .. } = Self::default();
        let rarity = (Self::default().min_p / min_p).max(1.0);
        Self {
            min_p,
            affected: Beta { hangs: affected.hangs / (1.0 + rarity.log10()), ..affected },
            unaffected: Beta { passes: unaffected.passes * rarity, ..unaffected },
            ..self
        }
    }

    /// The same settings in search of a fix, where a pass is recorded as [`Outcome::Hang`](crate::Outcome): *affected*
    /// means fixed, and the priors change sides. `min_p` remains a failure rate.
    #[must_use]
    pub fn inverted(self) -> Self {
        let invert = |beta: Beta| Beta { hangs: beta.passes, passes: beta.hangs };
        let (affected, unaffected) = (invert(self.unaffected), invert(self.affected));
        Self { affected, unaffected, inverted: !self.inverted, ..self }
    }

    /// The number of passes without a failure that excludes `min_p`.
    pub(super) fn excluding_passes(&self) -> u32 {
        ((1.0 - self.target).ln() / (1.0 - self.min_p).ln()).ceil() as u32
    }

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
            // Before the priors, which follow from it.
            (within(self.min_p, 0.0, 1.0), "min_p", "between 0 and 1"),
            (positive(self.affected), "affected", "above zero"),
            (positive(self.unaffected), "unaffected", "above zero"),
            (within(self.all_affected, 0.0, 0.5), "all_affected", "between 0 and 0.5"),
            (within(self.none_affected, 0.0, 0.5), "none_affected", "between 0 and 0.5"),
            (self.max_others > 0, "max_others", "above zero"),
            (seconds(self.trial_s) && self.trial_s > 0.0, "trial_s", "above zero"),
            (seconds(self.build_s), "build_s", "zero or more"),
        ];
        let failed = checks.into_iter().find(|(is_valid, ..)| !is_valid);
        failed.map_or(Ok(()), |(_, name, range)| Err(SettingsError { name, range }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Tally;

    #[test]
    fn default_rate_leaves_the_priors_unchanged() {
        assert_eq!(Settings::default().at_rate(0.1), Settings::default());
        let frequent = Settings::default().at_rate(0.5);
        assert_eq!(Settings { min_p: 0.1, ..frequent }, Settings::default());
    }

    #[test]
    fn rare_failures_have_a_share_of_the_prior() {
        let passes = |settings: &Settings| settings.affected.all_pass(300);
        let (default, rare) = (Settings::default(), Settings::default().at_rate(0.01));
        assert!(passes(&rare) > 10.0 * passes(&default), "{} {}", passes(&rare), passes(&default));
        assert!((rare.unaffected.mean() - 0.001).abs() < 1e-4);
        assert_eq!((default.excluding_passes(), rare.excluding_passes()), (29, 299));
    }

    #[test]
    fn rate_out_of_range_is_refused_by_name() {
        for rate in [0.0, 1.0, -0.1, f64::NAN] {
            assert_eq!(Settings::default().at_rate(rate).check().unwrap_err().name, "min_p", "{rate}");
        }
    }

    #[test]
    fn inverted_settings_expect_passes_of_affected_revisions() {
        let settings = Settings::default().inverted();
        let pass = Tally { hangs: 1, passes: 0 };
        assert!(settings.affected.ln_marginal(pass) > settings.unaffected.ln_marginal(pass));
        assert_eq!(settings.inverted(), Settings::default());
    }
}
