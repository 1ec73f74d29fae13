//! Maps of all cells: for each workload kernels against RAM sizes, a block an architecture.

use super::State;
use super::cell::CellView;
use crate::report::html::text::phrase;
use model::RamMib;
use std::collections::{BTreeMap, BTreeSet};

/// From so many trials on a rate is known well enough to be drawn at full size.
const MANY: u32 = 10;

/// The map of one workload.
pub(super) struct HeatMap {
    pub workload: String,
    pub blocks: Vec<Block>,
}

/// One architecture of it.
pub(super) struct Block {
    pub arch: &'static str,
    pub sizes: Vec<String>,
    pub rows: Vec<HeatRow>,
}

/// One kernel.
pub(super) struct HeatRow {
    pub kernel: String,
    /// For each size the cells of that size: they differ in options, axes or vCPUs.
    pub columns: Vec<Vec<Square>>,
}

/// One cell.
pub(super) struct Square {
    pub anchor: String,
    pub state: State,
    /// Class of the style, by the number of trials.
    pub weight: &'static str,
    /// Failures of trials, where there is more than one.
    pub ratio: Option<String>,
    /// The interval of the failure rate, in percent, where there is more than one trial.
    pub interval: Option<Interval>,
    pub tip: String,
}

/// An interval with the rate in it, from 0 to 100.
pub(super) struct Interval {
    pub low: String,
    pub high: String,
    pub rate: String,
}

pub(super) fn maps(cells: &[CellView<'_>]) -> Vec<HeatMap> {
    type ByArch<'c, 'r> = BTreeMap<&'static str, Vec<&'c CellView<'r>>>;
    let mut workloads: Vec<(&str, ByArch<'_, '_>)> = Vec::new();
    for cell in cells {
        let (name, arch) = (cell.cell.workload_name(), cell.cell.arch.name);
        let at = workloads.iter().position(|(known, _)| *known == name).unwrap_or(workloads.len());
        if at == workloads.len() {
            workloads.push((name, BTreeMap::new()));
        }
        workloads[at].1.entry(arch).or_default().push(cell);
    }
    let map = |(workload, arches): (&str, ByArch<'_, '_>)| HeatMap {
        workload: phrase(workload),
        blocks: arches.into_iter().map(|(arch, cells)| block(arch, &cells)).collect(),
    };
    workloads.into_iter().map(map).collect()
}

fn block(arch: &'static str, cells: &[&CellView<'_>]) -> Block {
    let sizes: BTreeSet<u32> = cells.iter().map(|cell| cell.cell.ram.0).collect();
    let mut rows: Vec<(&str, BTreeMap<u32, Vec<Square>>)> = Vec::new();
    for cell in cells {
        let kernel = cell.cell.kernel.as_str();
        let at = rows.iter().position(|(known, _)| *known == kernel).unwrap_or(rows.len());
        if at == rows.len() {
            rows.push((kernel, BTreeMap::new()));
        }
        rows[at].1.entry(cell.cell.ram.0).or_default().push(square(cell));
    }
    let row = |(kernel, mut by_size): (&str, BTreeMap<u32, Vec<Square>>)| HeatRow {
        kernel: phrase(kernel),
        columns: sizes.iter().map(|size| by_size.remove(size).unwrap_or_default()).collect(),
    };
    Block {
        arch,
        sizes: sizes.iter().map(|size| RamMib(*size).to_string()).collect(),
        rows: rows.into_iter().map(row).collect(),
    }
}

fn square(cell: &CellView<'_>) -> Square {
    let (failures, trials) = cell.rate.counts();
    let shown = |share: f64| format!("{:.0}", 100.0 * share);
    let interval = cell.rate.interval().map(|(low, high)| Interval {
        low: shown(low),
        high: shown(high),
        rate: shown(f64::from(failures) / f64::from(trials)),
    });
    let what = match cell.state {
        State::NotRun => "did not run".to_owned(),
        _ if trials == 0 => "no verdict on the guest".to_owned(),
        _ => match &interval {
            Some(Interval { low, high, .. }) => format!("{failures} of {trials} failed, rate {low}–{high} %"),
            None => String::new(),
        },
    };
    let weight = match trials {
        0 | 1 => "one",
        2..MANY => "few",
        _ => "many",
    };
    Square {
        anchor: cell.anchor(),
        state: cell.state,
        weight,
        ratio: (trials > 1).then(|| format!("{failures}/{trials}")),
        interval: interval.filter(|_| trials > 1),
        tip: phrase(&format!("{}: {}, {what}", cell.cell.id, cell.state.as_str())),
    }
}
