//! Every cell of a run in a table, by kernel and architecture.

use super::layout::{Colour, Style, counted, duration, padded};
use super::rate::Rate;
use super::tally::{Standing, reports_note, tally};
use ::console::measure_text_width;
use model::{Cell, Outcome, RunRecord, SubtestCounts, TrialRecord, printable};
use std::fmt::Write as _;

/// Maximum columns of a cell's name; a longer one shifts the rest of its row to the right.
const MAX_NAME_WIDTH: usize = 40;

/// The table, one row a cell, ending in an empty line; nothing when no trial has ended.
pub(super) fn table(run: &RunRecord, style: Style) -> String {
    let mut out = String::new();
    let rows = rows(run);
    let names = rows.iter().map(|row| variant(&row[0].cell)).map(|name| measure_text_width(&name));
    let name_width = names.filter(|width| *width <= MAX_NAME_WIDTH).max().unwrap_or(0);
    let mut group = String::new();
    for row in &rows {
        let cell = &row[0].cell;
        let heading = printable(&format!("{} {}", cell.kernel, cell.arch));
        if heading != group {
            let _ = writeln!(out, "{}", style.paint(Colour::Strong, &heading));
            group = heading;
        }
        out.push_str(&row_text(cell, row, name_width, style));
    }
    if !rows.is_empty() {
        out.push('\n');
    }
    out
}

/// The part of a cell's id that is not its kernel, architecture or RAM.
pub fn variant(cell: &Cell) -> String {
    let common = format!("{}.{}.{}.", cell.kernel, cell.arch, cell.ram);
    printable(cell.id.as_str().strip_prefix(&common).unwrap_or_else(|| cell.workload_name()))
}

/// The trials of each cell, cells of one kernel and architecture together, in the order of their first trials.
pub(super) fn rows(run: &RunRecord) -> Vec<Vec<&TrialRecord>> {
    let mut groups: Vec<Vec<Vec<&TrialRecord>>> = Vec::new();
    for trial in &run.trials {
        let same_group = |group: &&mut Vec<Vec<&TrialRecord>>| {
            let cell = &group[0][0].cell;
            (&cell.kernel, &cell.arch) == (&trial.cell.kernel, &trial.cell.arch)
        };
        match groups.iter_mut().find(same_group) {
            None => groups.push(vec![vec![trial]]),
            Some(group) => match group.iter_mut().find(|row| row[0].cell.id == trial.cell.id) {
                None => group.push(vec![trial]),
                Some(row) => row.push(trial),
            },
        }
    }
    groups.into_iter().flatten().collect()
}

fn row_text(cell: &Cell, trials: &[&TrialRecord], name_width: usize, style: Style) -> String {
    // The worst trial counts.
    let standing = trials.iter().map(|trial| Standing::of(trial)).max().unwrap_or(Standing::Pass);
    let sign = style.paint(standing.colour(), standing.sign(style));
    let mean_s = trials.iter().map(|trial| trial.duration_s).sum::<f64>() / trials.len() as f64;
    let name = padded(&variant(cell), name_width);
    let start = format!("{:>5}  {name}  {:>8}", cell.ram, duration(mean_s));
    let room = style.columns().saturating_sub(measure_text_width(&start) + 8);
    let note = style.fit_facts(&notes(trials, style), room);
    let gap = if note.is_empty() { "" } else { "   " };
    format!("  {sign} {start}{gap}{note}\n")
}

fn notes(trials: &[&TrialRecord], style: Style) -> Vec<String> {
    let plain = Style { colour: false, ..style };
    if trials.len() > 1 {
        let rate = Rate::of(trials.iter().copied()).words(style.dash());
        let counts = tally(trials.iter().copied(), plain);
        return counts.into_iter().chain(rate).chain(reports_note(trials.iter().copied())).collect();
    }
    let trial = trials[0];
    let mut notes = Vec::new();
    let (kind, outcome) = (trial.verdict.kind, trial.verdict.outcome());
    if Standing::of(trial) == Standing::Stopped {
        notes.push("stopped".to_owned());
    } else if outcome != Outcome::Pass {
        let qualifier = match Standing::of(trial) {
            Standing::KnownFailure => "expected ",
            Standing::Quarantined => "quarantined ",
            Standing::Pass | Standing::Stopped | Standing::Unexpected => "",
        };
        notes.push(format!("{qualifier}{outcome} {kind}"));
    } else if let Some(missed) = trial.missed_failure() {
        notes.push(format!("passed, expected {missed}"));
    }
    if trial.oom_kills > 0 {
        notes.push(counted(trial.oom_kills, "kill"));
    }
    if !trial.subtests.is_empty() {
        notes.push(SubtestCounts::of(&trial.subtests).to_string());
    }
    notes.extend(trial.also_line());
    notes
}
