//! Results that a script printed.

use crate::report::html::text::phrase;
use crate::report::layout::duration;
use model::{Subtest, SubtestCounts, TrialRecord};

/// The results of a trial, those that failed first.
pub(in crate::report::html) struct Subtests {
    pub counts: String,
    pub lines: Vec<SubtestLine>,
    pub more: usize,
}

/// One result.
pub(in crate::report::html) struct SubtestLine {
    pub status: &'static str,
    pub failed: bool,
    pub name: String,
    pub duration: String,
    pub why: String,
}

impl Subtests {
    /// At most `max` of them; `None` for a trial without any.
    pub fn of(trial: &TrialRecord, max: usize) -> Option<Self> {
        let all = &trial.subtests;
        if all.is_empty() {
            return None;
        }
        let (failed, others): (Vec<&Subtest>, Vec<&Subtest>) = all.iter().partition(|test| test.status.is_failure());
        let line = |test: &Subtest| SubtestLine {
            status: test.status.as_str(),
            failed: test.status.is_failure(),
            name: phrase(&test.name),
            duration: test.seconds.map(duration).unwrap_or_default(),
            why: test.why.as_deref().map(phrase).unwrap_or_default(),
        };
        Some(Self {
            counts: SubtestCounts::of(all).to_string(),
            lines: failed.into_iter().chain(others).take(max).map(line).collect(),
            more: all.len().saturating_sub(max),
        })
    }
}
