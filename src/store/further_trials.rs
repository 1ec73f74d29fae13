//! Further trials of a run: a lab that resumes the run runs them.

use super::{RunDir, StoreError, json};
use model::CellId;
use std::collections::BTreeMap;

impl RunDir {
    /// Gives cells further trials, each so many.
    ///
    /// # Errors
    /// When the plan cannot be read or written.
    pub fn extend(&self, further: &BTreeMap<CellId, u32>) -> Result<(), StoreError> {
        let mut plan = self.plan()?;
        for cell in &mut plan.cells {
            cell.repeat = cell.repeat.saturating_add(further.get(&cell.id).copied().unwrap_or(0));
        }
        json::write_durably(&self.path().join("plan.json"), &plan)
    }
}
