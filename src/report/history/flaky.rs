//! Cells that fail at a steady rate.

use super::figures::with_failure;
use crate::report::layout::{Colour, Style};
use model::FlakyCell;

/// Two lines a cell, in the order given.
pub fn flaky(cells: &[FlakyCell], style: Style) -> String {
    if cells.is_empty() {
        return "no cell is flaky: none fails at a steady rate between 2 % and 98 %\n".to_owned();
    }
    let has_one_matrix = cells.windows(2).all(|pair| pair[0].matrix == pair[1].matrix);
    let mut out = String::new();
    for cell in cells {
        let share = 100.0 * f64::from(cell.rate.failures) / f64::from(cell.rate.trials.max(1));
        let name = style.fit(cell.cell.as_str(), style.columns() - 7);
        out += &format!("{}  {name}\n", style.paint(Colour::Known, &format!("{share:>3.0} %")));
        let mut facts = vec![cell.rate.to_string()];
        facts.push(match &cell.since {
            Some(since) => format!("since {}", style.fit(since.first.as_str(), 30)),
            None => "since the first run".to_owned(),
        });
        if !has_one_matrix {
            facts.push(style.fit(&cell.matrix, 30));
        }
        let facts = with_failure(facts, Some(&cell.failure), style.columns() - 7, style);
        out += &format!("       {}\n", style.paint(Colour::Faint, &facts));
    }
    out
}
