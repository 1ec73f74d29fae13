//! The state of a search, on a terminal.

use crate::bisection::{Search, format_duration, format_estimate};
use bisect::{Candidate, Progress};

/// Candidates that are shown.
const MAX_LEADERS: usize = 5;
/// Columns of a bar of probability.
const BAR: usize = 20;
/// Columns of a candidate besides its subject: hash, percentage, bar.
const FIXED_COLUMNS: usize = 2 + 12 + 2 + 2 + 5 + 1 + BAR;

/// The state of a search in one line, and its most probable candidates below; no line has more than `width` columns.
pub(super) fn status_lines(search: &Search, width: usize) -> Vec<String> {
    let progress = search.progress();
    let mut lines = vec![headline(search, &progress)];
    let room = width.saturating_sub(FIXED_COLUMNS).max(12);
    for Candidate { revision, probability } in progress.leaders.iter().take(MAX_LEADERS) {
        let commit = search.commit(*revision);
        let subject = console::truncate_str(&commit.subject, room, "…").into_owned();
        let bar = "█".repeat((probability * BAR as f64).round() as usize);
        lines.push(format!("  {}  {subject:room$}  {:>4} {bar}", commit.id.short(), percent(*probability)));
    }
    lines
}

/// The number of candidates, of how many: `1 commit left of 99`.
pub(super) fn left(search: &Search, progress: &Progress) -> String {
    format!("{} left of {}", search.config().count(progress.remaining), search.candidates())
}

fn headline(search: &Search, progress: &Progress) -> String {
    let config = search.config();
    let mut parts = vec![left(search, progress)];
    parts.push(format!("p ≈ {}", format_estimate(&progress.p)));
    parts.push(format!("{} trials of {}", progress.trials, config.count(search.tried())));
    if progress.skipped > 0 {
        parts.push(format!("{} skipped", progress.skipped));
    }
    if progress.others > 0 {
        parts.push(format!("{} other failures", progress.others));
    }
    if progress.expected_s > 0.0 && progress.expected_s.is_finite() {
        let left = format_duration(progress.expected_s / f64::from(config.jobs.max(1)));
        let target = percent(config.settings.target);
        parts.push(format!("about {:.0} more trials, {left}, to {target}", progress.expected_trials));
    }
    parts.join(" · ")
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}
