//! `further.json`: trials beyond those of the plan, which cells got after the run's start.

use super::{RunDir, StoreError, json};
use model::{CellId, Plan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Its name.
pub const FURTHER: &str = "further.json";

/// Version of `further.json`.
const SCHEMA: u32 = 1;

/// Trials beyond those of a plan: their numbers go on where those of the plan end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FurtherTrials {
    schema: u32,
    /// The number of them, of each cell that has any.
    trials: BTreeMap<CellId, u32>,
}

impl FurtherTrials {
    /// So many of each cell.
    pub fn new(trials: BTreeMap<CellId, u32>) -> Self {
        Self { schema: SCHEMA, trials }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// The number of all.
    pub fn total(&self) -> u32 {
        self.trials.values().fold(0, |total, trials| total.saturating_add(*trials))
    }

    /// Adds them to the cells of a plan.
    pub fn extend(&self, plan: &mut Plan) {
        for cell in &mut plan.cells {
            cell.repeat = cell.repeat.saturating_add(self.trials.get(&cell.id).copied().unwrap_or(0));
        }
    }

    fn add(&mut self, more: &BTreeMap<CellId, u32>) {
        for (cell, trials) in more {
            let known = self.trials.entry(cell.clone()).or_default();
            *known = known.saturating_add(*trials);
        }
    }
}

impl RunDir {
    /// The trials that cells got after the run's start.
    ///
    /// # Errors
    /// When `further.json` cannot be read.
    pub fn further_trials(&self) -> Result<FurtherTrials, StoreError> {
        let path = self.path().join(FURTHER);
        if path.is_file() { json::read(&path, SCHEMA) } else { Ok(FurtherTrials::new(BTreeMap::new())) }
    }

    /// Gives cells further trials, each so many. A lab that resumes the run runs them.
    ///
    /// # Errors
    /// When `further.json` cannot be read or written.
    pub fn add_trials(&self, more: &BTreeMap<CellId, u32>) -> Result<(), StoreError> {
        let mut further = self.further_trials()?;
        further.add(more);
        json::write_durably(&self.path().join(FURTHER), &further)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Cell, PLAN_SCHEMA};

    fn plan() -> Plan {
        let cell = |id: &str| Cell { repeat: 2, ..model::samples::cell(id, arch::find("arm").unwrap(), "idle") };
        Plan { schema: PLAN_SCHEMA, name: "m".to_owned(), cells: vec![cell("a"), cell("b")], skipped: Vec::new() }
    }

    fn repeats(plan: &Plan) -> Vec<u32> {
        plan.cells.iter().map(|cell| cell.repeat).collect()
    }

    #[test]
    fn further_trials_leave_the_plan_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(None, dir.path(), "2026-11-24", &plan(), "2026-11-24T01:00:00Z").unwrap();
        let file = run.path().join("plan.json");
        let before = std::fs::read(&file).unwrap();
        assert!(run.further_trials().unwrap().is_empty());
        run.add_trials(&BTreeMap::from([(CellId::new("b"), 3)])).unwrap();
        run.add_trials(&BTreeMap::from([(CellId::new("a"), 1), (CellId::new("b"), 2)])).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), before);
        assert_eq!(run.initial_plan().unwrap(), plan());
        assert_eq!((repeats(&run.plan().unwrap()), run.further_trials().unwrap().total()), (vec![3, 7], 6));
        assert_eq!(run.record().unwrap().planned, 10);
    }

    #[test]
    fn run_of_an_older_version_has_its_further_trials_in_the_plan() {
        let dir = tempfile::tempdir().unwrap();
        let mut old = plan();
        old.cells[1].repeat = 7;
        let run = RunDir::create(None, dir.path(), "2026-11-24", &old, "2026-11-24T01:00:00Z").unwrap();
        assert_eq!((repeats(&run.plan().unwrap()), run.further_trials().unwrap().total()), (vec![2, 7], 0));
    }

    #[test]
    fn further_trials_of_a_newer_version_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(None, dir.path(), "2026-11-24", &plan(), "2026-11-24T01:00:00Z").unwrap();
        std::fs::write(run.path().join(FURTHER), r#"{"schema": 99, "trials": {}}"#).unwrap();
        let error = run.plan().unwrap_err().to_string();
        assert!(error.contains(FURTHER), "{error}");
    }
}
