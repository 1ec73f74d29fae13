//! The trials that a run did not come to.

use super::layout::{Style, counted};
use model::{NotRun, RunRecord};

/// Cells that are named.
const MAX_NAMED: usize = 3;

/// Their number and the first cells, ending in a newline; empty if there are none.
pub(super) fn not_run(run: &RunRecord, style: Style) -> String {
    if run.not_run.is_empty() {
        return String::new();
    }
    let trials: usize = run.not_run.iter().map(|cell| cell.trials.len()).sum();
    let named: Vec<String> = run.not_run.iter().take(MAX_NAMED).map(name).collect();
    let more = run.not_run.len().checked_sub(MAX_NAMED).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    style.wrap(&format!("{} not run: {}{more}", counted(trials as u64, "trial"), named.join(", ")), 0)
}

/// The cell, with the number of its trials if it has several.
fn name(cell: &NotRun) -> String {
    let id = &cell.cell.id;
    if cell.trials.len() > 1 { format!("{id} ({})", cell.trials.len()) } else { id.to_string() }
}
