//! `--shard` and `--filter`: the cells of a matrix that one machine runs.

use super::costs::{self, digest};
use super::error::CliError;
use super::known::Catalogues;
use super::run::select;
use crate::matrix::{Known, impossible};
use crate::schedule::{Costs, Shard, partition};
use crate::store::{Part, Partition};
use model::{Cell, CellId, Digest, Plan, Skipped};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

/// The plan of a command line, and of what it is a part.
pub(super) struct Planned {
    pub plan: Plan,
    pub part: Option<Part>,
}

/// What a command line selects of a matrix.
pub(super) struct Selection<'a> {
    pub filter: Option<&'a str>,
    pub shard: Option<Shard>,
    /// The file of costs by which cells are divided.
    pub costs: Option<&'a Path>,
}

impl Selection<'_> {
    /// By what the matrix is to be read: parts are of one whole only if all machines read the same in it.
    pub fn known<'c>(&self, catalogues: &'c Catalogues) -> Known<'c> {
        if self.is_all() { catalogues.known() } else { catalogues.known_everywhere() }
    }

    /// Leaves the selected cells of a plan: of a matrix that was read by [`Selection::known`], those that can exist by what is `known`
    /// here; of a pack all.
    ///
    /// # Errors
    /// When the filter is wrong or matches no cell, or the costs cannot be read.
    pub fn apply(&self, whole: Plan, known: Option<&Known<'_>>) -> Result<Planned, CliError> {
        if self.is_all() {
            return Ok(Planned { plan: whole, part: None });
        }
        let mut plan = whole.clone();
        select(&mut plan, self.filter)?;
        let selected = plan.cells.iter().map(|cell| cell.id.clone()).collect();
        let mut part = Part::new(whole, selected);
        if let Some(shard) = self.shard {
            let costs = self.costs_of_cells()?;
            plan.cells = cells_of(&plan.cells, &costs, shard);
            part.shard = Some(shard.number);
            part.partition = Some(Partition { of: shard.of, costs: digest(&costs) });
        }
        let count = plan.cells.len();
        known.iter().for_each(|known| leave_out_impossible(&mut plan, known));
        // A shard may be empty, but what was asked for by a filter alone must not vanish.
        if plan.cells.is_empty() && count > 0 && self.shard.is_none() {
            let reasons = plan.skipped.iter().filter(|skipped| part.selected.contains(&skipped.id));
            let reasons: Vec<String> = reasons.take(3).map(|one| format!("{}: {}", one.id, one.reason)).collect();
            return Err(CliError::Usage(format!("no cell that matches the filter can exist: {}", reasons.join("; "))));
        }
        Ok(Planned { plan, part: Some(part) })
    }

    const fn is_all(&self) -> bool {
        self.filter.is_none() && self.shard.is_none()
    }

    /// The costs by which cells are divided. What this machine has run before does not count: another one has run something else.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn costs_of_cells(&self) -> Result<Costs, CliError> {
        self.costs.map_or_else(|| Ok(Costs::default()), costs::read)
    }
}

/// What a shard is expected to take.
#[derive(Debug, serde::Serialize)]
pub(super) struct ShardSummary {
    number: u32,
    of: u32,
    /// Digest of the selected cells of the matrix.
    plan: Digest,
    /// Digest of the costs.
    costs: Digest,
    /// Number of its cells of which a trial was measured.
    measured: usize,
    cells: usize,
    cpus: u32,
    /// Wall time of each shard on this number of CPUs.
    expected_s: Vec<f64>,
}

impl Selection<'_> {
    /// What the shards of this part are expected to take on machines with so many CPUs; `None` where there are none.
    ///
    /// # Errors
    /// When the costs cannot be read.
    pub(super) fn summary(&self, part: Option<&Part>, cpus: u32) -> Result<Option<ShardSummary>, CliError> {
        let Some((Shard { number, of }, part)) = self.shard.zip(part) else { return Ok(None) };
        let costs = self.costs_of_cells()?;
        let cells = selected(part);
        let loads = partition(&cells, &costs, of);
        let own = &loads[number as usize - 1].cells;
        let json = serde_json::to_vec(&cells).unwrap_or_default();
        Ok(Some(ShardSummary {
            number,
            of,
            plan: Digest::of_bytes(&Sha256::digest(json)),
            costs: digest(&costs),
            measured: own.iter().filter(|cell| costs.knows(cell)).count(),
            cells: own.len(),
            cpus,
            expected_s: loads.iter().map(|load| load.expected_s(cpus)).collect(),
        }))
    }
}

/// The minutes of a duration in seconds, with a digit behind the point below ten.
pub(super) fn minutes(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    if minutes < 9.95 { format!("{minutes:.1}") } else { format!("{minutes:.0}") }
}

impl std::fmt::Display for ShardSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, of, measured, cells, cpus, expected_s, .. } = self;
        let own = minutes(expected_s[*number as usize - 1]);
        let (least, most) =
            expected_s.iter().fold((f64::MAX, 0.0_f64), |(least, most), s| (least.min(*s), most.max(*s)));
        let (least, most) = (minutes(least), minutes(most));
        let cpus = if *cpus == 1 { "1 CPU".to_owned() } else { format!("{cpus} CPUs") };
        write!(
            f,
            "shard {number}/{of} · about {own} min on {cpus}, the shards {least} to {most} min · {measured} of {cells} cells were measured"
        )
    }
}

/// The selected cells of a matrix, in its order.
pub(super) fn selected(part: &Part) -> Vec<Cell> {
    part.whole.cells.iter().filter(|cell| part.selected.contains(&cell.id)).cloned().collect()
}

fn cells_of(cells: &[Cell], costs: &Costs, shard: Shard) -> Vec<Cell> {
    let loads = partition(cells, costs, shard.of);
    loads[shard.number as usize - 1].cells.iter().map(|cell| (*cell).clone()).collect()
}

/// Leaves out the cells of which this machine's cache tells that they cannot exist. They are this machine's nonetheless.
fn leave_out_impossible(plan: &mut Plan, known: &Known<'_>) {
    let (possible, impossible): (Vec<_>, Vec<_>) =
        plan.cells.drain(..).map(|cell| (impossible(&cell, known), cell)).partition(|(reason, _)| reason.is_none());
    plan.cells = possible.into_iter().map(|(_, cell)| cell).collect();
    let known: BTreeSet<CellId> = plan.skipped.iter().map(|skipped| skipped.id.clone()).collect();
    let found = impossible.into_iter().filter_map(|(reason, cell)| Some(Skipped { reason: reason?, id: cell.id }));
    plan.skipped.extend(found.filter(|skipped| !known.contains(&skipped.id)));
    plan.skipped.sort_by(|one, other| one.id.cmp(&other.id));
}
