//! The first screen: what has changed, or without a history what was not expected, a line each.

use super::cell::CellView;
use super::summary::SHORT_COMMIT;
use super::{CellTrend, Outcome, RunPage, State, TrialRecord};
use crate::report::html::link::{Link, anchor};
use crate::report::html::text::phrase;
use crate::report::html::trend::{tone, word};
use crate::report::quarantine::{Entry, entries, sentence};
use crate::report::tally::unexpected;
use crate::report::text::alike;
use model::{CellId, Failure, Quarantine, Trend};
use std::collections::HashMap;

/// Lines of the first screen.
const MAX_LINES: usize = 40;
/// Cells that a line names.
const MAX_CELLS: usize = 3;

/// The lines, and how many more there are.
pub(super) struct Headlines {
    pub lines: Vec<Headline>,
    pub more: usize,
    /// The sentence where there is no line.
    pub none: &'static str,
}

/// One line.
pub(super) struct Headline {
    pub tone: &'static str,
    pub word: &'static str,
    /// Outcome and kind.
    pub verdict: String,
    pub title: String,
    pub cells: Vec<Link>,
    /// Cells beyond these.
    pub more: usize,
    /// Rates, and since when.
    pub notes: Vec<String>,
}

pub(super) fn headlines(input: &RunPage<'_>, cells: &[CellView<'_>]) -> Headlines {
    let mut lines = match input.trends {
        [] => groups(unexpected(input.run), cells),
        trends => {
            // The history has no word for trials without a verdict on the guest, nor for an expected failure that is not there for once.
            let is_news = |cell: &CellId| trends.iter().any(|trend| trend.cell == *cell && is_news(trend));
            let has_no_word = |trial: &&TrialRecord| match trial.verdict.outcome() {
                Outcome::LabError | Outcome::Inconclusive => true,
                Outcome::Pass => !is_news(&trial.cell.id),
                _ => false,
            };
            let mut lines = changes(input, trends);
            lines.extend(groups(unexpected(input.run).filter(has_no_word), cells));
            lines
        }
    };
    lines.extend(entries(input.run).iter().filter(|entry| entry.has_expired).map(expired));
    let more = lines.len().saturating_sub(MAX_LINES);
    lines.truncate(MAX_LINES);
    let none = match (input.run.trials.is_empty(), input.trends.is_empty()) {
        (true, _) => "No trial has ended.",
        (_, true) => "All trials ended as expected.",
        (_, false) => "Nothing has changed since the earlier runs.",
    };
    Headlines { lines, more, none }
}

/// Unexpected trials that are alike.
fn groups<'r>(trials: impl Iterator<Item = &'r TrialRecord>, cells: &[CellView<'_>]) -> Vec<Headline> {
    let unexpected_cells: HashMap<&str, &CellView<'_>> =
        cells.iter().filter(|cell| cell.state == State::Unexpected).map(|cell| (cell.cell.id.as_str(), cell)).collect();
    let headline = |(first, others): (&TrialRecord, Vec<&TrialRecord>)| {
        let mut ids: Vec<&str> = Vec::new();
        for trial in std::iter::once(first).chain(others.iter().copied()) {
            // The trials of a cell stand together.
            if ids.last() != Some(&trial.cell.id.as_str()) {
                ids.push(trial.cell.id.as_str());
            }
        }
        let verdict = &first.verdict;
        let missed = first.missed_failure().map(|missed| format!("expected {missed}"));
        let rate = match (ids.as_slice(), others.len()) {
            ([id], _) => unexpected_cells.get(id).and_then(|cell| cell.rate.words("–")),
            (_, others) => Some(format!("{} trials", others + 1)),
        };
        Headline {
            tone: State::Unexpected.as_str(),
            word: "unexpected",
            verdict: format!("{}/{}", verdict.outcome(), verdict.kind),
            title: phrase(verdict.title.as_ref().unwrap_or(&verdict.summary)),
            cells: ids.iter().take(MAX_CELLS).map(|id| link(id)).collect(),
            more: ids.len().saturating_sub(MAX_CELLS),
            notes: rate.into_iter().chain(missed).collect(),
        }
    };
    alike(trials).into_iter().map(headline).collect()
}

/// The trends that are news, the most urgent first.
fn changes(input: &RunPage<'_>, trends: &[CellTrend]) -> Vec<Headline> {
    let mut news: Vec<&CellTrend> = trends.iter().filter(|trend| is_news(trend)).collect();
    news.sort_by_key(|trend| trend.trend);
    news.into_iter().map(|trend| change(input, trend)).collect()
}

fn is_news(trend: &CellTrend) -> bool {
    trend.trend <= Trend::Better
}

fn change(input: &RunPage<'_>, trend: &CellTrend) -> Headline {
    let failure = trend.failure.as_ref();
    let mut notes = vec![match &trend.rate_before {
        Some(before) => format!("{} → {}", before.brief(), trend.rate.brief()),
        None => trend.rate.brief(),
    }];
    if let Some(since) = &trend.since {
        let range = match &since.after {
            Some(after) => format!("after {after}, by {}", since.by),
            None => format!("by {}", since.by),
        };
        notes.push(format!("since {} ({range})", since.first));
    }
    notes.extend(trend.trials_to_decide.map(|trials| format!("{trials} more trials would decide")));
    let is_it = |one: &&model::Regression| failure.is_some_and(|failure| one.is_about(&trend.cell, failure));
    let regression = input.run.regressions.iter().find(is_it);
    notes.extend(regression.and_then(|regression| regression.culprit.as_ref()).map(|culprit| {
        let commit: String = culprit.commit.chars().take(SHORT_COMMIT).collect();
        // It is never certain.
        format!("bisected: {commit} {:.0} %", (100.0 * culprit.probability).min(99.0))
    }));
    let known = quarantine(input, trend);
    notes.extend(known.map(sentence));
    Headline {
        tone: if known.is_some() { State::Quarantined.as_str() } else { tone(trend.trend) },
        word: word(trend.trend),
        verdict: failure.map(Failure::verdict).unwrap_or_default(),
        title: failure.and_then(|failure| failure.title.as_deref()).map(phrase).unwrap_or_default(),
        cells: vec![link(trend.cell.as_str())],
        more: 0,
        notes: notes.iter().map(|note| phrase(note)).collect(),
    }
}

/// The entry that covers a failure in all trials of the run that have it.
fn quarantine<'r>(input: &RunPage<'r>, trend: &CellTrend) -> Option<&'r Quarantine> {
    let failure = trend.failure.as_ref()?;
    let is_it = |trial: &&TrialRecord| {
        let verdict = &trial.verdict;
        trial.cell.id == trend.cell && (verdict.kind, &verdict.title) == (failure.kind, &failure.title)
    };
    let covered: Option<Vec<&Quarantine>> =
        input.run.trials.iter().filter(is_it).map(TrialRecord::quarantine).collect();
    covered?.first().copied()
}

fn expired(entry: &Entry<'_>) -> Headline {
    let known = entry.known;
    Headline {
        tone: State::Unexpected.as_str(),
        word: "expired quarantine",
        verdict: String::new(),
        title: phrase(&known.reason),
        cells: vec![Link { text: phrase(&known.place), url: None }],
        more: 0,
        notes: vec![phrase(&format!("until {}", known.until)), phrase(&entry.words())],
    }
}

fn link(cell: &str) -> Link {
    Link { text: phrase(cell), url: Some(format!("#{}", anchor(cell))) }
}
