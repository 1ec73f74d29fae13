//! The page of all runs of a matrix, or of several: for each cell the rate of its failures over the runs, and when it changed.

use super::link::{Base, Link, anchor};
use super::page::{Page, render};
use super::text::phrase;
use super::trend::{tone, word};
use crate::report::layout::counted;
use crate::report::rate::Rate;
use askama::Template;
use model::{CellId, Failure, RunId, Trend};
use std::fmt::Write as _;

/// Runs that a drawing shows, the latest ones.
const MAX_RUNS: usize = 400;
/// Height of a drawing.
const HEIGHT: f64 = 24.0;

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub struct HistoryPage<'h> {
    /// One for each matrix.
    pub matrices: &'h [MatrixHistory],
    /// The URL of the folder that has the runs' folders.
    pub base: &'h Base,
}

/// The runs of a matrix, and its cells over them.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixHistory {
    /// Its name.
    pub name: String,
    /// Oldest first.
    pub runs: Vec<HistoryRun>,
    /// One for each cell, or for each failure of it.
    pub cells: Vec<CellHistory>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRun {
    /// Name of its folder.
    pub id: RunId,
    /// RFC 3339.
    pub started: String,
    /// Releases or commits of its kernels, for people.
    pub kernels: String,
}

/// A cell, or one failure of it, over the runs.
#[derive(Debug, Clone, PartialEq)]
pub struct CellHistory {
    /// The cell.
    pub cell: CellId,
    /// The failure that is counted; `None` for any.
    pub failure: Option<Failure>,
    /// What the latest run is called.
    pub trend: Trend,
    /// Runs with trials of the cell, oldest first.
    pub counts: Vec<RunCount>,
    /// Runs with one rate, oldest first; one segment where the rate never changed.
    pub segments: Vec<Segment>,
}

/// The trials of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunCount {
    /// Index of the run in [`MatrixHistory::runs`].
    pub run: usize,
    /// Trials with the failure.
    pub failures: u32,
    /// Trials with a verdict on the guest.
    pub trials: u32,
}

/// Runs with one rate, by their indices in [`MatrixHistory::runs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The most likely first one.
    pub first: usize,
    /// The first one is between these, with a probability of 99 %.
    pub first_between: (usize, usize),
    /// Trials with the failure.
    pub failures: u32,
    /// Trials with a verdict on the guest.
    pub trials: u32,
}

/// The page.
pub fn history(input: &HistoryPage<'_>) -> String {
    let title = match input.matrices {
        [one] => format!("history of {}", one.name),
        several => format!("history of {} matrices", several.len()),
    };
    render(&Document {
        page: Page::filtered(title),
        matrices: input.matrices.iter().map(|matrix| MatrixView::of(input.base, matrix)).collect(),
        trends: trends(input.matrices),
    })
}

#[derive(Template)]
#[template(path = "history.html", whitespace = "minimize")]
struct Document {
    page: Page,
    matrices: Vec<MatrixView>,
    /// Words to choose, each with the number of its cells.
    trends: Vec<(&'static str, usize)>,
}

fn trends(matrices: &[MatrixHistory]) -> Vec<(&'static str, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for cell in matrices.iter().flat_map(|matrix| &matrix.cells) {
        *counts.entry(cell.trend).or_insert(0) += 1;
    }
    counts.into_iter().map(|(trend, count)| (trend.as_str(), count)).collect()
}

struct MatrixView {
    name: String,
    runs: String,
    first: String,
    last: String,
    /// The latest runs, newest first.
    latest: Vec<(Link, String, String)>,
    cells: Vec<CellHistoryView>,
}

struct CellHistoryView {
    anchor: String,
    cell: String,
    trend: &'static str,
    tone: &'static str,
    word: &'static str,
    verdict: String,
    title: String,
    rate: String,
    change: String,
    spark: Spark,
}

/// Runs that are listed by name.
const MAX_LISTED: usize = 14;

impl MatrixView {
    fn of(base: &Base, matrix: &MatrixHistory) -> Self {
        let name = |run: Option<&HistoryRun>| run.map(|run| phrase(run.id.as_str())).unwrap_or_default();
        let line = |run: &HistoryRun| {
            let url = base.url(&format!("{}/{}", run.id, super::PAGE));
            (Link { text: phrase(run.id.as_str()), url }, phrase(&run.started), phrase(&run.kernels))
        };
        let mut cells: Vec<&CellHistory> = matrix.cells.iter().collect();
        cells.sort_by_key(|cell| cell.trend);
        Self {
            name: phrase(&matrix.name),
            runs: counted(matrix.runs.len() as u64, "run"),
            first: name(matrix.runs.first()),
            last: name(matrix.runs.last()),
            latest: matrix.runs.iter().rev().take(MAX_LISTED).map(line).collect(),
            cells: cells.into_iter().map(|cell| view(matrix, cell)).collect(),
        }
    }
}

fn view(matrix: &MatrixHistory, cell: &CellHistory) -> CellHistoryView {
    let id = |run: usize| matrix.runs.get(run).map_or("?", |run| run.id.as_str());
    let counts = |segment: &Segment| format!("{} of {}", segment.failures, segment.trials);
    let last = cell.segments.last();
    let words = last.and_then(|segment| Rate::counted(segment.failures, segment.trials).words("–"));
    let change = match cell.segments.as_slice() {
        [.., before, after] => {
            let (from, to) = after.first_between;
            let between = if from == to { String::new() } else { format!(", between {} and {}", id(from), id(to)) };
            format!("{} → {} since {}{between}", counts(before), counts(after), id(after.first))
        }
        [only] => counts(only),
        [] => String::new(),
    };
    let failure = cell.failure.as_ref();
    CellHistoryView {
        anchor: anchor(cell.cell.as_str()),
        cell: phrase(cell.cell.as_str()),
        trend: cell.trend.as_str(),
        tone: tone(cell.trend),
        word: word(cell.trend),
        verdict: failure.map(Failure::verdict).unwrap_or_default(),
        title: failure.and_then(|failure| failure.title.as_deref()).map(phrase).unwrap_or_default(),
        rate: words.unwrap_or_default(),
        change: phrase(&change),
        spark: Spark::of(matrix.runs.len(), cell),
    }
}

/// Bars over the runs: a dot for a run without failures, a gap for one without trials.
struct Spark {
    width: usize,
    /// Failure rates.
    bars: String,
    /// Runs without failures.
    passes: String,
    /// Where the rate changed: the interval, and the most likely run.
    changes: Vec<(usize, usize, usize)>,
    /// The rate of each segment.
    rates: String,
    label: String,
}

/// Width of a run.
const STEP: usize = 3;

impl Spark {
    fn of(runs: usize, cell: &CellHistory) -> Self {
        let start = runs.saturating_sub(MAX_RUNS);
        let x = |run: usize| run.saturating_sub(start) * STEP;
        let (mut bars, mut passes) = (String::new(), String::new());
        for count in cell.counts.iter().filter(|count| count.run >= start && count.run < runs && count.trials > 0) {
            // Writing to a string does not fail.
            let _ = match count.failures {
                0 => write!(passes, "M{} 23h2", x(count.run)),
                failures => {
                    let share = f64::from(failures.min(count.trials)) / f64::from(count.trials);
                    write!(bars, "M{} 24v-{:.0}", x(count.run) + 1, (share * (HEIGHT - 2.0)).max(3.0))
                }
            };
        }
        let width = runs.clamp(1, MAX_RUNS) * STEP;
        let ends = cell.segments.iter().skip(1).map(|next| x(next.first)).chain([width]);
        let mut rates = String::new();
        for (segment, end) in cell.segments.iter().zip(ends).filter(|(segment, _)| segment.trials > 0) {
            let share = f64::from(segment.failures) / f64::from(segment.trials);
            let _ = write!(rates, "M{} {:.1}H{end}", x(segment.first), HEIGHT - 1.0 - share * (HEIGHT - 2.0));
        }
        let change = |segment: &Segment| {
            let (from, to) = segment.first_between;
            (x(from), x(to).saturating_sub(x(from)) + STEP, x(segment.first))
        };
        let changes: Vec<_> =
            cell.segments.iter().skip(1).filter(|segment| segment.first >= start).map(change).collect();
        let label =
            format!("{} over {}, {}", cell.trend, counted(runs as u64, "run"), counted(changes.len() as u64, "change"));
        Self { width, bars, passes, changes, rates, label }
    }
}
