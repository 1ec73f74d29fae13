//! Two runs, cell by cell.

use super::cell::colour;
use super::figures::{count, probability, with_failure};
use crate::report::layout::{Colour, Style, padded};
use model::{ComparedCell, Comparison, RateInterval, Trend};
use std::collections::BTreeMap;

/// Cells of one word that are shown.
const MAX_SHOWN: usize = 20;
/// Columns of a word.
const WORD: usize = 15;

/// The cells that differ or fail, the most urgent first, and the numbers of all.
pub fn comparison(comparison: &Comparison, style: Style) -> String {
    let mut by_word: BTreeMap<Trend, Vec<&ComparedCell>> = BTreeMap::new();
    for cell in &comparison.cells {
        by_word.entry(cell.trend).or_default().push(cell);
    }
    let ends = [&comparison.old, &comparison.new].map(|run| style.fit(run.as_str(), style.columns() / 2 - 2));
    let title = format!("{} {} {}", ends[0], style.arrow(), ends[1]);
    let mut out = style.paint(Colour::Strong, &title);
    out.push_str("\n\n");
    let shown = by_word.iter().filter(|(trend, _)| !matches!(trend, Trend::Passing | Trend::Expected));
    for (trend, cells) in shown {
        for cell in cells.iter().take(MAX_SHOWN) {
            let word = padded(&words(*trend), WORD);
            let name = style.fit(cell.cell.as_str(), style.columns() - WORD);
            out += &format!("{}{name}\n", style.paint(colour(*trend), &word));
            let facts = with_failure(facts(cell, style), cell.failure.as_ref(), style.columns() - WORD, style);
            out += &format!("{}{}\n", " ".repeat(WORD), style.paint(Colour::Faint, &facts));
        }
        if let Some(more) = cells.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
            out += &format!("{}and {more} more: see `--json`\n", padded(&words(*trend), WORD));
        }
        out.push('\n');
    }
    if by_word.is_empty() {
        return out + "no trial of either run has a verdict\n";
    }
    let counts: Vec<String> = by_word
        .iter()
        .map(|(trend, cells)| style.paint(colour(*trend), &format!("{} {}", cells.len(), words(*trend))))
        .collect();
    out + &style.wrap_facts(&counts, 0)
}

fn words(trend: Trend) -> String {
    trend.to_string().replace('-', " ")
}

fn facts(cell: &ComparedCell, style: Style) -> Vec<String> {
    let end = |rate: &Option<RateInterval>| rate.as_ref().map_or("not tried".to_owned(), count);
    let mut facts = vec![format!("{} {} {}", end(&cell.old), style.arrow(), end(&cell.new))];
    facts.extend(cell.probability.map(|changed| format!("P(change) {}", probability(changed))));
    facts
}
