//! Figures of a history as text.

use crate::report::layout::Style;
use console::measure_text_width;
use model::{Failure, KernelBuild, RateInterval, printable};

/// Columns of a failure that are worth their room.
const MIN_TITLE: usize = 8;
/// Digits of a commit.
const COMMIT: usize = 12;

/// `3 of 20`.
pub(super) fn count(rate: &RateInterval) -> String {
    format!("{} of {}", rate.failures, rate.trials)
}

/// `oom-livelock: OOM livelock in foo`.
pub(super) fn failure(failure: &Failure) -> String {
    match &failure.title {
        Some(title) => format!("{}: {}", failure.kind, printable(title)),
        None => failure.kind.to_string(),
    }
}

/// A kernel in one word, by its release where it has one.
pub(super) fn kernel(build: &KernelBuild) -> Option<String> {
    build.release.as_deref().map(printable).or_else(|| commit(build))
}

/// An abbreviated commit.
pub(super) fn commit(build: &KernelBuild) -> Option<String> {
    build.commit.as_deref().map(|commit| printable(commit).chars().take(COMMIT).collect())
}

/// Facts, and behind them a failure, cut to `columns`.
pub(super) fn with_failure(mut facts: Vec<String>, shown: Option<&Failure>, columns: usize, style: Style) -> String {
    let used = measure_text_width(&facts.join(style.separator()));
    let room = columns.saturating_sub(used + style.separator().chars().count());
    facts.extend(shown.filter(|_| room >= MIN_TITLE).map(|shown| style.fit(&failure(shown), room)));
    style.fit_facts(&facts, columns)
}

/// The date of a time of RFC 3339.
pub(super) fn date(started: &str) -> String {
    printable(started).chars().take(10).collect()
}

/// A probability of 0 to 1, never rounded up to certainty.
pub(super) fn probability(probability: f64) -> String {
    format!("{:.1} %", (1000.0 * probability).floor() / 10.0)
}

/// A share of failed trials in one column.
pub(super) fn bar(failures: u32, trials: u32, style: Style) -> char {
    let levels: &[char] = if style.ascii {
        &['1', '2', '3', '4', '5', '6', '7', '8', '9']
    } else {
        &['▂', '▃', '▄', '▅', '▆', '▇']
    };
    let (untried, none, all) = if style.ascii { (' ', '_', '#') } else { ('·', '▁', '█') };
    if trials == 0 {
        untried
    } else if failures == 0 {
        none
    } else if failures >= trials {
        all
    } else {
        let at = u64::from(failures) * levels.len() as u64 / u64::from(trials);
        levels[usize::try_from(at).unwrap_or(0).min(levels.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_shows_none_and_all_for_certain() {
        let style = Style::default();
        let bars = |style| [(0, 0), (0, 9), (1, 1000), (1, 2), (999, 1000), (3, 3)].map(|(k, n)| bar(k, n, style));
        assert_eq!(bars(style), ['·', '▁', '▂', '▅', '▇', '█']);
        assert_eq!(bars(Style { ascii: true, ..style }), [' ', '_', '1', '5', '9', '#']);
    }

    #[test]
    fn probability_is_never_certain() {
        assert_eq!(probability(0.999_99), "99.9 %");
    }
}
