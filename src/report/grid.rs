//! Commits against cells, for a terminal.

use super::layout::Style;
use console::measure_text_width;
use model::Verdict;
use std::path::PathBuf;

/// A commit of a grid.
pub struct GridRow {
    /// Abbreviated hash.
    pub commit: String,
    /// First line of its message.
    pub subject: String,
    /// What became of each cell.
    pub cells: Vec<GridCell>,
}

/// What became of a cell at a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum GridCell {
    /// It was not tried: the run was stopped, or the lab failed.
    Unknown,
    /// As expected in all of its trials.
    Green {
        /// Whether what is expected is a failure.
        is_failure: bool,
    },
    /// Unexpected in some of its trials.
    Red {
        /// Trials with an unexpected verdict.
        failed: u32,
        /// All of its trials.
        trials: u32,
        /// The first unexpected verdict.
        verdict: Box<Verdict>,
        /// The folder with its evidence.
        evidence: PathBuf,
    },
}

impl GridCell {
    fn symbol(&self, style: Style) -> &'static str {
        let (sign, plain) = match self {
            Self::Unknown => ("·", "."),
            Self::Green { is_failure: false } => ("✓", "+"),
            Self::Green { is_failure: true } => ("●", "o"),
            Self::Red { .. } => ("✗", "x"),
        };
        if style.ascii { plain } else { sign }
    }
}

/// The grid, newest commit first; `columns` names the cells.
pub fn grid(rows: &[GridRow], columns: &[String], style: Style) -> String {
    let width = columns.len().to_string().len() + 1;
    let numbers: String = (1..=columns.len()).map(|number| format!("{number:>width$}")).collect();
    let mut text = format!("{:12}{numbers}\n", "commit");
    for row in rows {
        let symbols: String =
            row.cells.iter().map(|cell| format!("{}{}", " ".repeat(width - 1), cell.symbol(style))).collect();
        let line = format!("{:12}{symbols}  ", row.commit);
        let room = style.columns().saturating_sub(measure_text_width(&line));
        text += &format!("{line}{}\n", style.fit(&row.subject, room));
    }
    for (number, column) in columns.iter().enumerate() {
        text += &style.hang(&format!("{:>width$}  {column}\n", number + 1));
    }
    text
}

/// The oldest red commit of a column, and the green one before it, if there is one: their places in `rows`.
pub fn first_red(rows: &[GridRow], column: usize) -> Option<(usize, Option<usize>)> {
    let cell = |at: usize| &rows[at].cells[column];
    let red = (0..rows.len()).rev().find(|at| matches!(cell(*at), GridCell::Red { .. }))?;
    let green = (red + 1..rows.len()).find(|at| matches!(cell(*at), GridCell::Green { .. }));
    Some((red, green))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Kind, RuleId};

    fn rows() -> Vec<GridRow> {
        let red = || GridCell::Red {
            failed: 1,
            trials: 3,
            verdict: Box::new(Verdict::new(Kind::OomLivelock, RuleId::Prepare, "x")),
            evidence: PathBuf::new(),
        };
        let green = || GridCell::Green { is_failure: false };
        let row = |commit: &str, cells| GridRow { commit: commit.to_owned(), subject: "mm: x\x1b[1m".repeat(9), cells };
        vec![
            row("cccccccccccc", vec![red(), GridCell::Green { is_failure: true }]),
            row("bbbbbbbbbbbb", vec![red(), GridCell::Unknown]),
            row("aaaaaaaaaaaa", vec![green(), red()]),
        ]
    }

    #[test]
    fn symbols_stand_below_the_numbers_of_their_cells() {
        let columns = ["x86_64 128M anon-hog".to_owned(), "arm 64M idle".to_owned()];
        let text = grid(&rows(), &columns, Style { colour: false, ascii: false, width: 40 });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines.len()), ("commit       1 2", 6));
        assert!(lines[1].starts_with("cccccccccccc ✗ ●  mm: x"), "{text}");
        assert!(lines[2].starts_with("bbbbbbbbbbbb ✗ ·") && lines[3].starts_with("aaaaaaaaaaaa ✓ ✗"), "{text}");
        assert_eq!(lines[4], " 1  x86_64 128M anon-hog");
        assert!(lines.iter().all(|line| measure_text_width(line) <= 40) && !text.contains('\x1b'), "{text}");
        let plain: Vec<GridRow> = rows().into_iter().map(|row| GridRow { subject: "mm: x".into(), ..row }).collect();
        let ascii = grid(&plain, &columns, Style { colour: false, ascii: true, width: 40 });
        assert!(ascii.is_ascii() && ascii.contains("\ncccccccccccc x o  mm: x\n"), "{ascii}");
    }

    #[test]
    fn first_red_commit_is_the_oldest() {
        assert_eq!(first_red(&rows(), 0), Some((1, Some(2))));
        assert_eq!(first_red(&rows(), 1), Some((2, None)), "nothing green is older");
        assert_eq!(first_red(&rows()[2..], 0), None);
    }
}
