//! The rates of one cell over its runs.

use super::figures::{bar, commit, date, failure};
use crate::report::layout::{Colour, Style, counted};
use model::{CellHistory, CellRun, ChangeInterval, FailureHistory, RunId, Trend};

/// Columns before a bar: the date of its first run.
const MARGIN: usize = 14;
/// Failures that are shown in full.
const MAX_FAILURES: usize = 10;
/// Changes of a failure that are shown, the latest.
const MAX_CHANGES: usize = 5;

/// A cell: for each failure its share of each run's trials, oldest run first, and when its rate changed.
pub fn cell(cell: &CellHistory, style: Style) -> String {
    let mut out = style.paint(Colour::Strong, &style.fit(cell.cell.as_str(), style.columns()));
    out.push('\n');
    let mut facts = vec![style.fit(&cell.matrix, 30), counted(cell.runs.len() as u64, "run")];
    if let [first, .., last] = &cell.runs[..] {
        facts.push(format!("{}{}{}", date(&first.started), style.dash(), date(&last.started)));
    }
    let without: u32 = cell.runs.iter().map(|run| run.without_verdict).sum();
    if without > 0 {
        facts.push(format!("{} without a verdict", counted(u64::from(without), "trial")));
    }
    out += &style.wrap_facts(&facts, 2);
    if cell.failures.is_empty() {
        out.push('\n');
        out += &bars(&cell.runs, |at| cell.runs[at].failures, &[], style);
        let bound = cell.rate.as_ref().map_or("never tried".to_owned(), |bound| format!("passing  {bound}"));
        out += &format!("  {bound}\n");
    }
    for failure in cell.failures.iter().take(MAX_FAILURES) {
        out.push('\n');
        out += &of_failure(cell, failure, style);
    }
    if let Some(more) = cell.failures.len().checked_sub(MAX_FAILURES).filter(|more| *more > 0) {
        out += &format!("\nand {more} more failures: see `--json`\n");
    }
    out
}

fn of_failure(cell: &CellHistory, history: &FailureHistory, style: Style) -> String {
    let changes: Vec<&ChangeInterval> = history.segments.iter().filter_map(|segment| segment.since.as_ref()).collect();
    let mut out = format!("  {}\n", style.fit(&failure(&history.failure), style.columns() - 2));
    out += &bars(&cell.runs, |at| history.failures[at], &changes, style);
    let word = style.paint(colour(history.trend), &history.trend.to_string().replace('-', " "));
    let mut facts = vec![match history.segments.last() {
        Some(segment) => format!("{word}  {}", segment.rate),
        None => word,
    }];
    facts.extend(history.trials_to_decide.map(|trials| match trials {
        1 => "1 more trial would decide".to_owned(),
        trials => format!("{trials} more trials would decide"),
    }));
    out += &style.wrap_facts(&facts, 2);
    for at in (1..history.segments.len()).rev().take(MAX_CHANGES) {
        let (before, after) = (&history.segments[at - 1], &history.segments[at]);
        let Some(since) = &after.since else { continue };
        out += &format!("  since {}, before that {}\n", run(&since.first, style), before.rate);
        out += &format!("    after    {}\n", end(cell, since.after.as_ref(), style));
        out += &format!("    by       {}\n", end(cell, Some(&since.by), style));
        if !after.differs.is_empty() {
            let differs: Vec<&str> = after.differs.iter().map(|component| component.as_str()).collect();
            out += &format!("    differs  {}\n", differs.join(", "));
        }
    }
    out
}

/// One character a run, and below it a mark at each change.
fn bars(runs: &[CellRun], failures: impl Fn(usize) -> u32, changes: &[&ChangeInterval], style: Style) -> String {
    let room = style.columns() - MARGIN;
    let mut out = String::new();
    for (number, line) in runs.chunks(room).enumerate() {
        let first = number * room;
        let bar: String = (0..line.len()).map(|at| bar(failures(first + at), line[at].trials, style)).collect();
        out += &format!("  {}  {bar}\n", style.paint(Colour::Faint, &format!("{:10}", date(&line[0].started))));
        let mark = |run: &CellRun| if changes.iter().any(|change| change.first == run.run) { '^' } else { ' ' };
        let marks: String = line.iter().map(mark).collect();
        if marks.contains('^') {
            out += &format!("{}{}\n", " ".repeat(MARGIN), marks.trim_end());
        }
    }
    out
}

fn run(run: &RunId, style: Style) -> String {
    style.fit(run.as_str(), 30)
}

/// An end of the interval in which a rate changed: the run, and its kernel's commit.
fn end(cell: &CellHistory, id: Option<&RunId>, style: Style) -> String {
    let Some(id) = id else { return "the first run".to_owned() };
    let kernel = cell.runs.iter().find(|run| run.run == *id).map(|run| &run.kernel);
    let facts = [kernel.and_then(|kernel| kernel.release.clone()), kernel.and_then(commit)];
    let facts: Vec<String> = [Some(run(id, style))].into_iter().chain(facts).flatten().collect();
    style.fit_facts(&facts, style.columns() - 13)
}

pub(super) const fn colour(trend: Trend) -> Colour {
    match trend {
        Trend::New | Trend::Worse | Trend::StillFailing => Colour::Bad,
        Trend::Fixed | Trend::Better | Trend::Passing => Colour::Good,
        Trend::Undecided | Trend::Flaky | Trend::Expected => Colour::Known,
        Trend::NotRun => Colour::Faint,
    }
}
