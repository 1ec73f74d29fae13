//! One line a run.

use super::figures::{date, kernel};
use crate::report::layout::{Colour, Style, padded};
use console::measure_text_width;
use model::{RunOverview, printable};

/// Maximum columns of a run's name, of a matrix and of a kernel.
const MAX_NAME: usize = 20;
const MAX_MATRIX: usize = 14;
const MAX_KERNEL: usize = 16;

/// The runs in the order given, of `total` that there are. A run's date stands before names that do not begin with it, its matrix
/// where there are several.
pub fn runs(runs: &[RunOverview], total: usize, style: Style) -> String {
    let has_dates = runs.iter().all(|run| run.run.as_str().starts_with(&date(&run.started)));
    let has_one_matrix = runs.windows(2).all(|pair| pair[0].matrix == pair[1].matrix);
    let mut columns = Vec::new();
    if !has_dates {
        columns.push(column("date", 10, runs, |run| date(&run.started)));
    }
    columns.push(column("run", MAX_NAME, runs, |run| style.fit(run.run.as_str(), MAX_NAME)));
    if !has_one_matrix {
        columns.push(column("matrix", MAX_MATRIX, runs, |run| style.fit(&run.matrix, MAX_MATRIX)));
    }
    columns.push(column("kernel", MAX_KERNEL, runs, |run| style.fit(&kernels(run), MAX_KERNEL)));
    let heading: String = columns.iter().map(|(title, width, _)| padded(title, *width) + "  ").collect();
    let mut out = style.paint(Colour::Strong, &format!("{heading} pass unexpected  new worse fixed"));
    out.push('\n');
    for (at, run) in runs.iter().enumerate() {
        let mut line: String = columns.iter().map(|(_, width, cells)| padded(&cells[at], *width) + "  ").collect();
        let figure = |count: u32, width: usize, colour: Colour| match count {
            0 => format!("{:>width$}", style.dash()),
            count => style.paint(colour, &format!("{count:>width$}")),
        };
        let changes = &run.changes;
        line += &format!("{:>5} {}", run.passed, figure(run.unexpected, 10, Colour::Strong));
        line += &figure(changes.new, 5, Colour::Bad);
        line += &figure(changes.worse, 6, Colour::Bad);
        line += &figure(changes.fixed, 6, Colour::Good);
        let room = style.columns().saturating_sub(measure_text_width(&line) + 2);
        let notes = style.fit_facts(&notes(run), room);
        if !notes.is_empty() && measure_text_width(&notes) <= room {
            line += &format!("  {}", style.paint(Colour::Faint, &notes));
        }
        out += line.trim_end();
        out.push('\n');
    }
    if runs.len() < total {
        out += &format!("\n{} of {total} runs; `--last N` shows more\n", runs.len());
    }
    out
}

type Column = (&'static str, usize, Vec<String>);

/// A column no wider than it has to be.
fn column(title: &'static str, max: usize, runs: &[RunOverview], cell: impl Fn(&RunOverview) -> String) -> Column {
    let cells: Vec<String> = runs.iter().map(cell).collect();
    let width = cells.iter().map(|cell| measure_text_width(cell)).max().unwrap_or(0);
    (title, width.clamp(title.len(), max.max(title.len())), cells)
}

fn kernels(run: &RunOverview) -> String {
    let mut names: Vec<String> = run.kernels.iter().filter_map(kernel).collect();
    names.dedup();
    match names.len() {
        0 => String::new(),
        1 => printable(&names[0]),
        more => format!("{} +{}", printable(&names[more - 1]), more - 1),
    }
}

fn notes(run: &RunOverview) -> Vec<String> {
    let mut notes = Vec::new();
    if run.interrupted {
        notes.push("interrupted".to_owned());
    } else if !run.finished {
        notes.push("not finished".to_owned());
    }
    let counted = |count: u32, what: &str| (count > 0).then(|| format!("{count} {what}"));
    notes.extend(counted(run.changes.undecided, "undecided"));
    notes.extend(counted(run.quarantined, "quarantined"));
    notes.extend(counted(run.without_verdict, "without a verdict"));
    notes
}
