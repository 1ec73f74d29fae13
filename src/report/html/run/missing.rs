//! What did not run: trials that the run did not come to, and combinations that the plan left out.

use super::RunPage;
use super::cell::CellView;
use crate::report::html::text::phrase;
use std::collections::BTreeMap;

/// Names that are listed.
const MAX_NAMES: usize = 50;

/// What did not run.
pub(super) struct Missing {
    /// Cells that lack trials, each with the number that it has and should have.
    pub short: Vec<(String, usize, u32)>,
    pub more: usize,
    /// Reasons, each with the number of combinations and some of their names.
    pub skipped: Vec<(String, usize, Vec<String>)>,
}

impl Missing {
    pub fn of(input: &RunPage<'_>, cells: &[CellView<'_>]) -> Self {
        let has: BTreeMap<&str, usize> = cells.iter().map(|cell| (cell.cell.id.as_str(), cell.trials.len())).collect();
        let short = input.plan.cells.iter().filter_map(|cell| {
            let has = has.get(cell.id.as_str()).copied().unwrap_or(0);
            (has < cell.repeat as usize).then(|| (phrase(cell.id.as_str()), has, cell.repeat))
        });
        let mut short: Vec<_> = short.collect();
        let more = short.len().saturating_sub(MAX_NAMES);
        short.truncate(MAX_NAMES);
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for skipped in &input.plan.skipped {
            reasons.entry(&skipped.reason).or_default().push(skipped.id.as_str());
        }
        let reason = |(reason, ids): (&str, Vec<&str>)| {
            (phrase(reason), ids.len(), ids.iter().take(MAX_NAMES).map(|id| phrase(id)).collect())
        };
        Self { short, more, skipped: reasons.into_iter().map(reason).collect() }
    }
}
