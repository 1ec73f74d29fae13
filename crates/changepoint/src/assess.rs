//! The word for the latest run.

use super::position::{Position, Rate};
use super::retry::{Direction, Suspicion};
use super::segment::{Changes, Segment, Start};
use super::series::Series;
use super::settings::Settings;
use super::trend::Trend;

/// What a test is expected to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expectation {
    /// It passes.
    #[default]
    Pass,
    /// It fails, at any rate.
    Failure,
}

/// What a series says of its latest position.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The word for it.
    pub trend: Trend,
    /// The rate since the latest change; `None` if the test never ran.
    pub rate: Option<Rate>,
    /// The rate before the latest change.
    pub rate_before: Option<Rate>,
    /// When the rate changed; `None` where it did not.
    pub change: Option<Start>,
    /// The probability that it has changed once more, where that is neither found nor dismissed.
    pub suspicion: Option<f64>,
    /// Further trials in the latest run that would find this change, if it is real, with a probability of a third; assess
    /// again after them or a part of them. `None` where they are more than [`Settings::max_retries`], too.
    pub trials_to_decide: Option<u32>,
}

/// Assesses the last position of a series, oldest position first.
///
/// A change is news, so that the word is [`Trend::New`], [`Trend::Worse`], [`Trend::Fixed`] or [`Trend::Better`], in the first
/// run in which it is found: the same series without the last position does not have it. Later, the word is that of the
/// rate since the change.
pub fn assess(positions: &[Position], expected: Expectation, settings: &Settings) -> Assessment {
    let series = Series::new(positions, settings.rate, settings.max_retries);
    let changes = Changes::of(&series, settings);
    let segments = changes.segments(&series, series.len());
    let latest = positions.last().copied().unwrap_or_default();
    let suspicion = if latest.is_empty() { None } else { Suspicion::of(&series, &changes, settings) };
    let (current, before) = match segments.as_slice() {
        [] => (None, None),
        [current] => (Some(current), None),
        [.., before, current] => (Some(current), Some(before)),
    };
    let word = |current: &Segment| {
        if series.len() == 1 && latest.failures > 0 {
            return Trend::New;
        }
        match before {
            Some(before) if is_news(&series, &changes, &segments) => news(before.tally, current.tally, settings),
            _ if latest.failures > 0 && suspicion.is_some_and(|one| one.direction == Direction::Up) => Trend::Undecided,
            None if has_failed_since(&series, settings) => Trend::Undecided,
            _ => steady(current.tally, latest, settings),
        }
    };
    let trend = current.filter(|_| !latest.is_empty()).map_or(Trend::NotRun, word);
    Assessment {
        trend: if expected == Expectation::Failure { expect_failure(trend) } else { trend },
        rate: current.and_then(|segment| Rate::of(segment.tally)),
        rate_before: before.and_then(|segment| Rate::of(segment.tally)),
        change: current.and_then(|segment| segment.start.clone()),
        suspicion: suspicion.map(|one| one.probability),
        trials_to_decide: suspicion.map(|one| one.trials_to_decide),
    }
}

/// Whether the test passed at first and has failed in all trials since. In the first runs that is too little to find a change, but it is
/// no steady rate either, and more trials than [`Settings::max_retries`] may be needed to decide.
fn has_failed_since(series: &Series, settings: &Settings) -> bool {
    let end = series.len();
    let Some(since) = (0..end).find(|at| series.tally(*at, at + 1).failures > 0) else { return false };
    let ln_odds = || series.ln_ratio(0, since, end) + settings.ln_prior_odds();
    since > 0 && series.tally(since, end).passes == 0 && ln_odds() >= settings.ln_dismissed_odds()
}

/// Whether the last change of these segments was found in no earlier run. The latest ones are the likeliest to have it.
fn is_news(series: &Series, changes: &Changes, segments: &[Segment]) -> bool {
    let directed = directed(segments);
    let Some(((last, direction), previous)) = directed.split_last() else { return false };
    // Further trials move a start within its interval.
    let is_same = |(start, other): &(Start, Direction)| {
        let distance = |change: &Start| change.first.abs_diff(start.first);
        let is_nearest = previous.iter().all(|(one, _)| distance(one) > distance(last));
        direction == other && is_nearest && start.by > last.after && last.by > start.after
    };
    let ends = (1..series.len()).rev().take_while(|end| series.index(*end) > last.after);
    !ends.map(|end| changes.segments(series, end)).any(|segments| self::directed(&segments).iter().any(is_same))
}

/// The changes between these segments, with their directions.
fn directed(segments: &[Segment]) -> Vec<(Start, Direction)> {
    let change = |pair: &[Segment]| Some((pair[1].start.clone()?, Direction::between(pair[0].tally, pair[1].tally)));
    segments.windows(2).filter_map(change).collect()
}

/// The word for a change in the run that finds it.
fn news(before: Position, after: Position, settings: &Settings) -> Trend {
    let passes = |tally: Position| tally.share() < settings.flaky_min;
    match Direction::between(before, after) {
        Direction::Up if passes(before) => Trend::New,
        Direction::Up => Trend::Worse,
        Direction::Down if passes(after) => Trend::Fixed,
        Direction::Down => Trend::Better,
    }
}

/// The word for a run without a new change. A run with a failure does not pass, however low the rate is.
fn steady(tally: Position, latest: Position, settings: &Settings) -> Trend {
    let share = tally.share();
    if share > settings.flaky_max {
        Trend::StillFailing
    } else if share < settings.flaky_min && latest.failures == 0 {
        Trend::Passing
    } else {
        Trend::Flaky
    }
}

/// The word if failures are expected: they are no news, but their end is.
const fn expect_failure(trend: Trend) -> Trend {
    match trend {
        Trend::Passing | Trend::Fixed | Trend::NotRun => trend,
        _ => Trend::Expected,
    }
}

#[cfg(test)]
#[path = "assess_tests.rs"]
mod tests;
