//! Learned costs of cells, as a file that machines share.

use model::{Cell, CellId, TrialRecord};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// Version of the file.
pub const COSTS_SCHEMA: u32 = 1;

/// The cost of a trial of which nothing similar is known, in seconds: a boot under TCG and a short workload.
const DEFAULT_S: f64 = 15.0;

/// How long a trial of each cell takes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Costs {
    cells: BTreeMap<CellId, Cost>,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    cells: BTreeMap<CellId, Cost>,
}

/// As the file.
impl Serialize for Costs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut file = serializer.serialize_struct("Costs", 2)?;
        file.serialize_field("schema", &COSTS_SCHEMA)?;
        file.serialize_field("cells", &self.cells)?;
        file.end()
    }
}

/// The cost of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cost {
    /// From the start of QEMU to its end: the median of its trials.
    seconds: f64,
    arch: String,
    workload: String,
}

/// Durations of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The cell.
    pub cell: CellId,
    /// Its architecture.
    pub arch: String,
    /// Its workload.
    pub workload: String,
    /// Durations in seconds, of which the median counts.
    pub seconds: Vec<f64>,
}

impl FromIterator<Measured> for Costs {
    fn from_iter<I: IntoIterator<Item = Measured>>(measured: I) -> Self {
        let cells = measured.into_iter().filter_map(|Measured { cell, arch, workload, seconds }| {
            Some((cell, Cost { seconds: median(seconds)?, arch, workload }))
        });
        Self { cells: cells.collect() }
    }
}

/// An unusable file of costs.
#[derive(Debug, thiserror::Error)]
pub enum CostsError {
    /// Not such a file.
    #[error("not a file of costs: {0}")]
    Damaged(#[from] serde_json::Error),
    /// Of another version of the program.
    #[error("costs of schema {0}; this program reads {COSTS_SCHEMA}")]
    Schema(u32),
    /// A cost that is no duration.
    #[error("cell `{0}`: `seconds` is not a positive number")]
    Seconds(CellId),
}

impl Costs {
    /// The costs of the cells with a trial among these that had a guest.
    pub fn of<'t>(trials: impl IntoIterator<Item = &'t TrialRecord>) -> Self {
        let mut durations: BTreeMap<&CellId, (&Cell, Vec<f64>)> = BTreeMap::new();
        for trial in trials.into_iter().filter(|trial| trial.duration_s > 0.0) {
            durations.entry(&trial.cell.id).or_insert((&trial.cell, Vec::new())).1.push(trial.duration_s);
        }
        let cells = durations.into_iter().filter_map(|(id, (cell, durations))| {
            let (arch, workload) = (cell.arch.to_string(), cell.workload_name().to_owned());
            Some((id.clone(), Cost { seconds: median(durations)?, arch, workload }))
        });
        Self { cells: cells.collect() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is not one, or of another version.
    pub fn from_json(text: &[u8]) -> Result<Self, CostsError> {
        let File { schema, cells } = serde_json::from_slice(text)?;
        if schema != COSTS_SCHEMA {
            return Err(CostsError::Schema(schema));
        }
        match cells.iter().find(|(_, cost)| !(cost.seconds.is_finite() && cost.seconds > 0.0)) {
            Some((id, _)) => Err(CostsError::Seconds(id.clone())),
            None => Ok(Self { cells }),
        }
    }

    /// The file; equal costs give equal bytes.
    pub fn to_json(&self) -> String {
        // Its keys are strings, and its numbers are finite.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Leaves the costs of these cells.
    pub fn retain(&mut self, cells: &[Cell]) {
        let ids: BTreeSet<&CellId> = cells.iter().map(|cell| &cell.id).collect();
        self.cells.retain(|id, _| ids.contains(id));
    }

    /// Adds the costs of other cells, in place of those that are known of the same ones.
    pub fn update(&mut self, newer: Self) {
        self.cells.extend(newer.cells);
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether the cell's own trials were measured.
    pub fn knows(&self, cell: &Cell) -> bool {
        self.cells.contains_key(&cell.id)
    }

    /// The cost of one trial of a cell, in seconds. For a cell that was not measured it is the median of those with the same
    /// workload and architecture, else with the same workload, else with the same architecture, else of all.
    pub fn trial_s(&self, cell: &Cell) -> f64 {
        if let Some(cost) = self.cells.get(&cell.id) {
            return cost.seconds;
        }
        let (arch, workload) = (cell.arch.to_string(), cell.workload_name());
        let similar: [&dyn Fn(&Cost) -> bool; 4] = [
            &|cost| cost.workload == workload && cost.arch == arch,
            &|cost| cost.workload == workload,
            &|cost| cost.arch == arch,
            &|_| true,
        ];
        let of = |is_similar: &&dyn Fn(&Cost) -> bool| {
            median(self.cells.values().filter(|cost| is_similar(cost)).map(|cost| cost.seconds).collect())
        };
        similar.iter().find_map(of).unwrap_or(DEFAULT_S)
    }
}

/// The lower one of two in the middle.
fn median(mut durations: Vec<f64>) -> Option<f64> {
    durations.sort_by(f64::total_cmp);
    durations.get(durations.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::samples::cell;
    use model::{Accel, Kind, RuleId, Verdict};

    fn costs(rows: &[(&str, f64, &str, &str)]) -> Costs {
        let cost = |&(id, seconds, arch, workload): &(&str, f64, &str, &str)| {
            (CellId::new(id), Cost { seconds, arch: arch.to_owned(), workload: workload.to_owned() })
        };
        Costs { cells: rows.iter().map(cost).collect() }
    }

    #[test]
    fn file_is_read_back() {
        let costs = costs(&[("a", 1.5, "arm", "idle"), ("b", 20.0, "x86_64", "anon-hog")]);
        assert_eq!(Costs::from_json(costs.to_json().as_bytes()).unwrap(), costs);
    }

    #[test]
    fn costs_of_other_cells_are_left_out() {
        let mut known = costs(&[("a", 1.0, "arm", "idle"), ("b", 2.0, "arm", "idle")]);
        known.retain(&[cell("b", arch::find("arm").unwrap(), "idle")]);
        assert_eq!(known, costs(&[("b", 2.0, "arm", "idle")]));
    }

    #[test]
    fn damaged_files_are_refused() {
        let refused = |text: &str| Costs::from_json(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused(r#"{"schema": 9, "cells": {}}"#), "costs of schema 9; this program reads 1");
        let negative = r#"{"schema": 1, "cells": {"a": {"seconds": -1, "arch": "arm", "workload": "idle"}}}"#;
        assert_eq!(refused(negative), "cell `a`: `seconds` is not a positive number");
        assert!(refused("[]").starts_with("not a file of costs: "));
    }

    #[test]
    fn cost_of_an_unmeasured_cell_is_that_of_similar_ones() {
        let of = |costs: &Costs, arch, workload| costs.trial_s(&cell("new", arch::find(arch).unwrap(), workload));
        let known = costs(&[
            ("a", 1.0, "arm", "idle"),
            ("b", 3.0, "arm", "idle"),
            ("c", 2.0, "arm", "idle"),
            ("d", 50.0, "x86_64", "anon-hog"),
            ("new2", 7.0, "x86_64", "idle"),
        ]);
        assert_eq!(of(&known, "arm", "idle"), 2.0);
        assert_eq!(of(&known, "riscv64", "anon-hog"), 50.0, "the same workload");
        assert_eq!(of(&known, "arm", "fork-hog"), 2.0, "the same architecture");
        assert_eq!(of(&known, "riscv64", "fork-hog"), 3.0, "all");
        assert_eq!(of(&Costs::default(), "arm", "idle"), DEFAULT_S);
        assert_eq!(known.trial_s(&cell("new2", arch::find("arm").unwrap(), "anon-hog")), 7.0, "its own");
    }

    #[test]
    fn trials_without_a_guest_cost_nothing() {
        let trial = |id: &str, duration_s| {
            let verdict = Verdict::new(Kind::Finished, RuleId::Prepare, "");
            let cell = cell(id, arch::find("arm").unwrap(), "idle");
            TrialRecord { duration_s, ..TrialRecord::new(cell, 1, Accel::Tcg, String::new(), verdict) }
        };
        let learned = Costs::of(&[trial("a", 3.0), trial("a", 9.0), trial("a", 4.0), trial("b", 0.0)]);
        assert_eq!(learned, costs(&[("a", 4.0, "arm", "idle")]));
    }

    #[test]
    fn median_is_a_measured_duration() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(1.0));
    }
}
