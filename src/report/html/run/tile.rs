//! Counts at the head of the page, each with the filter that shows what it counts.

use super::cell::CellView;
use super::{RunPage, State};
use crate::report::html::trend::{tone, word};
use crate::report::layout::counted;
use crate::report::quarantine::entries;
use model::Trend;

/// One count.
pub(super) struct Tile {
    pub count: usize,
    pub word: &'static str,
    pub note: String,
    /// Class of the style.
    pub tone: &'static str,
    /// Query of the filter; empty for a count without one.
    pub filter: String,
}

/// Trends that are counted even when there is none: that nothing is new is news.
const ALWAYS: [Trend; 4] = [Trend::New, Trend::Worse, Trend::Fixed, Trend::Undecided];

/// With a history what has changed, without one what was not expected.
pub(super) fn tiles(input: &RunPage<'_>, cells: &[CellView<'_>]) -> Vec<Tile> {
    let mut tiles = if input.trends.is_empty() { by_state(cells) } else { by_trend(input) };
    let expired = entries(input.run).into_iter().filter(|entry| entry.has_expired).count();
    if !input.trends.is_empty() || expired > 0 {
        let (count, word) = (expired, "expired quarantine");
        let tone = if count > 0 { "unexpected" } else { "none" };
        tiles.push(Tile { count, word, note: String::new(), tone, filter: String::new() });
    }
    let reports = cells.iter().filter(|cell| cell.trials.iter().any(|trial| !trial.also.is_empty())).count();
    if reports > 0 {
        let word = "with kernel reports";
        tiles.push(Tile { count: reports, word, note: String::new(), tone: "plain", filter: String::new() });
    }
    tiles
}

fn by_state(cells: &[CellView<'_>]) -> Vec<Tile> {
    let tile = |state: State, word, always: bool| {
        let these: Vec<&CellView<'_>> = cells.iter().filter(|cell| cell.state == state).collect();
        let trials: usize = these.iter().map(|cell| cell.trials.len()).sum();
        let note = if trials > these.len() { counted(trials as u64, "trial") } else { String::new() };
        let tone = if these.is_empty() { "none" } else { state.as_str() };
        let shown = always || !these.is_empty();
        shown.then(|| Tile { count: these.len(), word, note, tone, filter: format!("state={}", state.as_str()) })
    };
    let tiles = [
        tile(State::Unexpected, "unexpected", true),
        tile(State::Quarantined, "quarantined", false),
        tile(State::Known, "failed as expected", false),
        tile(State::Pass, "passed", true),
        tile(State::Stopped, "stopped", false),
        tile(State::NotRun, "did not run", false),
    ];
    tiles.into_iter().flatten().collect()
}

fn by_trend(input: &RunPage<'_>) -> Vec<Tile> {
    use Trend::{Better, Expected, Fixed, Flaky, New, NotRun, Passing, StillFailing, Undecided, Worse};
    let trends = [New, Worse, Fixed, Undecided, Better, StillFailing, Flaky, Expected, Passing, NotRun];
    let tile = |trend: Trend| {
        let count = input.trends.iter().filter(|one| one.trend == trend).count();
        let tone = if count == 0 { "none" } else { tone(trend) };
        let shown = count > 0 || ALWAYS.contains(&trend);
        let filter = format!("trend={trend}");
        shown.then(|| Tile { count, word: word(trend), note: String::new(), tone, filter })
    };
    trends.into_iter().filter_map(tile).collect()
}
