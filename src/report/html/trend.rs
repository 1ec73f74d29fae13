//! What pages call a trend, and its colour.

use model::Trend;

/// The class of a trend.
pub(super) const fn tone(trend: Trend) -> &'static str {
    match trend {
        Trend::New | Trend::Worse => "unexpected",
        Trend::Undecided | Trend::StillFailing | Trend::Flaky | Trend::Expected => "expected-failure",
        Trend::Fixed | Trend::Better | Trend::Passing => "pass",
        Trend::NotRun => "not-run",
    }
}

/// The trend in a sentence.
pub(super) const fn word(trend: Trend) -> &'static str {
    match trend {
        Trend::StillFailing => "still failing",
        Trend::NotRun => "did not run",
        other => other.as_str(),
    }
}
