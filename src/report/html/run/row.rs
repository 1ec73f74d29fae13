//! Cells in a table, a row each: those that passed, and those beyond the ones that are shown in full.

use super::cell::{CellView, Keys};
use super::{RunPage, State};
use crate::report::html::link::Link;
use crate::report::html::text::phrase;
use crate::report::html::trend::word;
use crate::report::layout::{counted, duration};
use crate::report::tally::tally;
use crate::report::{Style, tally::reports_note};
use model::{SubtestCounts, Trend};

/// The rows of one kernel and architecture.
pub(super) struct RowGroup {
    pub heading: String,
    pub rows: Vec<Row>,
}

/// One cell.
pub(super) struct Row {
    pub anchor: String,
    pub keys: Keys,
    pub state: State,
    pub ram: String,
    pub name: Link,
    pub trials: usize,
    pub duration: String,
    pub notes: String,
}

pub(super) fn groups(input: &RunPage<'_>, cells: &[&CellView<'_>]) -> Vec<RowGroup> {
    let mut groups: Vec<RowGroup> = Vec::new();
    for cell in cells {
        let heading = phrase(&format!("{} {}", cell.cell.kernel, cell.cell.arch));
        let row = row(input, cell);
        match groups.last_mut() {
            Some(group) if group.heading == heading => group.rows.push(row),
            _ => groups.push(RowGroup { heading, rows: vec![row] }),
        }
    }
    groups
}

fn row(input: &RunPage<'_>, cell: &CellView<'_>) -> Row {
    let trials = cell.trials.len();
    let mean_s = cell.trials.iter().map(|trial| trial.duration_s).sum::<f64>() / trials.max(1) as f64;
    // The folder of the trial that matters, or its page.
    let first = cell.trials.iter().find(|trial| super::has_page(trial)).or(cell.trials.first());
    let url = first.and_then(|trial| trial_url(input, &trial.folder()));
    Row {
        anchor: cell.anchor(),
        keys: cell.keys(),
        state: cell.state,
        ram: cell.cell.ram.to_string(),
        name: Link { text: phrase(&cell.variant()), url },
        trials,
        duration: if trials == 0 { String::new() } else { duration(mean_s) },
        notes: phrase(&notes(cell).join(" · ")),
    }
}

/// The page of a trial, or its folder where it has none.
pub(super) fn trial_url(input: &RunPage<'_>, folder: &str) -> Option<String> {
    let page = if input.pages.contains(folder) { crate::report::html::PAGE } else { "" };
    input.base.url(&format!("cells/{folder}/{page}"))
}

fn notes(cell: &CellView<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let is_plain = |trend: &Trend| matches!(trend, Trend::Passing | Trend::Expected | Trend::NotRun);
    notes.extend(cell.trend().filter(|trend| !is_plain(trend)).map(|trend| word(trend).to_owned()));
    match cell.trials.as_slice() {
        [] => notes.push("did not run".to_owned()),
        [trial] => {
            if cell.state == State::Unexpected || cell.state == State::Known {
                notes.push(format!("{} {}", trial.verdict.outcome(), trial.verdict.kind));
            }
            notes.extend(trial.verdict.title.clone());
            if trial.oom_kills > 0 {
                notes.push(counted(trial.oom_kills, "kill"));
            }
            if !trial.subtests.is_empty() {
                notes.push(SubtestCounts::of(&trial.subtests).to_string());
            }
            notes.extend(trial.also_line());
        }
        trials => {
            if cell.state != State::Pass {
                notes.extend(tally(trials.iter().copied(), Style::default()));
            }
            notes.extend(cell.rate.words("–"));
            notes.extend(reports_note(trials.iter().copied()));
        }
    }
    notes
}
