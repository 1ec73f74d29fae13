//! What becomes of several runs. Touches no file.

use super::error::MergeError;
use super::source::{Source, Trial};
use crate::host::FileLock;
use crate::matrix::Difference;
use crate::store::{MergedRun, Part, Partition};
use model::{Cell, CellId, Plan, RUN_SCHEMA, Regression, Skipped};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The merged run.
#[derive(Debug, Clone)]
pub struct Merged {
    /// Version of the format of all its runs.
    pub(super) format: u32,
    /// The selected cells, in the order of the matrix.
    pub plan: Plan,
    /// Trials that cells got after the start of a run.
    pub further: BTreeMap<CellId, u32>,
    /// Of what it is a part, and the runs of which it was merged.
    pub part: Part,
    /// The trials that have ended, by cell and number.
    pub(super) trials: BTreeMap<(CellId, u32), Trial>,
    /// What became of failures that were bisected; the sessions stay where they are.
    pub(super) regressions: Vec<Regression>,
    /// No lab works in the runs until their trials are written.
    _locks: Vec<Arc<FileLock>>,
}

/// Merges runs: at least one.
///
/// # Errors
/// When they do not belong together.
pub fn combine(sources: &[Source]) -> Result<Merged, MergeError> {
    let whole = whole(sources)?;
    let partition = partition(sources)?;
    let trials = trials(sources)?;
    let selected: BTreeSet<CellId> = sources.iter().flat_map(|source| &source.selected).cloned().collect();
    let mut skipped: BTreeMap<&CellId, &str> = BTreeMap::new();
    for one in sources.iter().flat_map(|source| source.plan.skipped.iter().chain(&source.whole.skipped)) {
        let reason = skipped.entry(&one.id).or_insert(&one.reason);
        *reason = one.reason.as_str().min(reason);
    }
    let has_run: BTreeSet<&CellId> = trials.keys().map(|(id, _)| id).collect();
    // A machine may know that a cell of its own is impossible: that is known only of kernels in the cache.
    let is_planned =
        |cell: &&Cell| selected.contains(&cell.id) && (has_run.contains(&cell.id) || !skipped.contains_key(&cell.id));
    let cells: Vec<Cell> = whole.cells.iter().filter(is_planned).cloned().collect();
    let further = further(sources, &cells);
    let planned: BTreeSet<&CellId> = cells.iter().map(|cell| &cell.id).collect();
    let left_out = skipped.iter().filter(|(id, _)| !planned.contains(**id));
    let skipped = left_out.map(|(id, reason)| Skipped { id: (*id).clone(), reason: (*reason).to_owned() }).collect();
    let plan = Plan { schema: whole.schema, name: whole.name.clone(), cells, skipped };
    let regressions = regressions(sources, &plan);
    let mut part = Part::new(whole, selected);
    (part.partition, part.runs) = (partition, runs(sources));
    let format = sources.iter().map(|source| source.format).max().unwrap_or(RUN_SCHEMA);
    let locks = sources.iter().filter_map(|source| source.lock.clone()).collect();
    Ok(Merged { format, plan, further, part, trials, regressions, _locks: locks })
}

impl Merged {
    /// Whether all trials of the plan have ended, and none was interrupted.
    pub fn is_complete(&self) -> bool {
        let has_ended = |cell: &Cell| {
            let trial = |number| self.trials.get(&(cell.id.clone(), number));
            let further = self.further.get(&cell.id).copied().unwrap_or(0);
            (1..=cell.repeat.saturating_add(further))
                .all(|number| trial(number).is_some_and(|trial| !trial.is_interrupted()))
        };
        self.plan.cells.iter().all(has_ended)
    }
}

/// The matrix of all runs.
fn whole(sources: &[Source]) -> Result<Plan, MergeError> {
    let json = |plan: &Plan| serde_json::to_string(plan).unwrap_or_default();
    // Where only lines of the quarantine differ, which one is taken must not depend on the order of the runs.
    let key = |source: &&Source| (std::cmp::Reverse(source.whole.cells.len()), json(&source.whole));
    let first = sources.iter().min_by_key(key).ok_or(MergeError::Nothing)?;
    for other in sources {
        if first.whole.name != other.whole.name {
            return Err(MergeError::Matrix {
                one: first.dir.clone(),
                matrix: first.whole.name.clone(),
                other: other.dir.clone(),
                other_matrix: other.whole.name.clone(),
            });
        }
        if first.format != other.format {
            return Err(MergeError::Format {
                one: first.dir.clone(),
                format: first.format,
                other: other.dir.clone(),
                other_format: other.format,
            });
        }
        let difference = Difference::between(&first.whole, &other.whole);
        let ids: BTreeSet<&CellId> = first.whole.cells.iter().map(|cell| &cell.id).collect();
        let unknown: Vec<String> =
            other.selected.iter().filter(|id| !ids.contains(id)).map(|id| format!("  added    {id}")).collect();
        if !difference.is_empty() || !unknown.is_empty() {
            let difference = if difference.is_empty() { unknown.join("\n") } else { difference.to_string() };
            return Err(MergeError::Plan {
                one: first.dir.clone(),
                other: other.dir.clone(),
                difference: model::printable_lines(&difference),
            });
        }
    }
    Ok(first.whole.clone())
}

/// How all runs were divided, those that were.
fn partition(sources: &[Source]) -> Result<Option<Partition>, MergeError> {
    let mut found: Option<(&Source, &Partition)> = None;
    for source in sources {
        let Some(partition) = &source.partition else { continue };
        match found {
            Some((one, known)) if known != partition => {
                let words = |partition: &Partition| format!("{} (costs {})", partition.of, partition.costs.short());
                return Err(MergeError::Partition {
                    one: one.dir.clone(),
                    partition: words(known),
                    other: source.dir.clone(),
                    other_partition: words(partition),
                });
            }
            _ => found = Some((source, partition)),
        }
    }
    Ok(found.map(|(_, partition)| partition.clone()))
}

/// All trials; of two records of one, that which the user has not interrupted.
fn trials(sources: &[Source]) -> Result<BTreeMap<(CellId, u32), Trial>, MergeError> {
    let mut merged: BTreeMap<(CellId, u32), Trial> = BTreeMap::new();
    for (key, trial) in sources.iter().flat_map(|source| &source.trials) {
        match merged.entry(key.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(trial.clone())),
            Entry::Occupied(mut entry) => {
                let known = entry.get();
                if known.digest == trial.digest {
                    continue;
                }
                if !known.is_interrupted() && !trial.is_interrupted() {
                    return Err(conflict(known, trial));
                }
                let rank = |trial: &Trial| (!trial.is_interrupted(), trial.started.clone(), trial.digest.clone());
                if rank(trial) > rank(known) {
                    entry.insert(trial.clone());
                }
            }
        }
    }
    Ok(merged)
}

fn conflict(one: &Trial, other: &Trial) -> MergeError {
    let difference = if one.started == other.started && one.kind == other.kind {
        "their records differ; one may have lost its evidence to `oomlab prune`".to_owned()
    } else {
        let words = |trial: &Trial| format!("{} that began {}", trial.kind, model::printable(&trial.started));
        format!("{}, and {}", words(one), words(other))
    };
    MergeError::Conflict { one: one.folder.clone(), other: other.folder.clone(), difference }
}

/// Trials of these cells that nights have added to those of the matrix.
fn further(sources: &[Source], cells: &[Cell]) -> BTreeMap<CellId, u32> {
    let mut planned: BTreeMap<&CellId, u32> = BTreeMap::new();
    for cell in sources.iter().flat_map(|source| &source.plan.cells) {
        let repeat = planned.entry(&cell.id).or_default();
        *repeat = cell.repeat.max(*repeat);
    }
    let more = |cell: &Cell| planned.get(&cell.id).map_or(0, |repeat| repeat.saturating_sub(cell.repeat));
    let found = cells.iter().map(|cell| (cell.id.clone(), more(cell)));
    found.filter(|(_, trials)| *trials > 0).collect()
}

/// The runs of which these were merged. Of one that was merged before it was resumed, and after that, the latter counts.
fn runs(sources: &[Source]) -> Vec<MergedRun> {
    let mut found: BTreeMap<_, MergedRun> = BTreeMap::new();
    for run in sources.iter().flat_map(|source| &source.runs) {
        let known = found.entry((&run.started, &run.id, run.shard)).or_insert_with(|| run.clone());
        if run > known {
            *known = run.clone();
        }
    }
    found.into_values().collect()
}

fn regressions(sources: &[Source], plan: &Plan) -> Vec<Regression> {
    let at: BTreeMap<&CellId, usize> = plan.cells.iter().enumerate().map(|(at, cell)| (&cell.id, at)).collect();
    let mut found = BTreeMap::new();
    for regression in sources.iter().flat_map(|source| &source.regressions) {
        let regression = Regression { session: None, ..regression.clone() };
        let key = serde_json::to_string(&regression).unwrap_or_default();
        found.insert((at.get(&regression.cell).copied(), key), regression);
    }
    found.into_values().collect()
}
