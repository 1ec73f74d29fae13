//! Resolved → plan: the products of the blocks, without excluded and impossible cells.

use super::criterion::Key;
use super::fit::{self, MinRam};
use super::id::cell_id;
use super::known::Known;
use super::resolve::{Axis, Block, CustomValue, Matrix, Workload};
use crate::diagnostic::{At, Findings, Span};
use arch::Arch;
use hashbrown::HashTable;
use model::{Cell, CellId, Expectation, KernelName, Needs, PLAN_SCHEMA, Payload, Plan, RamMib, Skipped};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

/// The maximum number of cells of a matrix, before anything is left out of it.
const MAX_CELLS: u64 = 100_000;

/// The plan of a matrix; after an error it is incomplete.
pub(super) fn expand(matrix: &Matrix, known: &Known<'_>, findings: &mut Findings<'_>) -> Plan {
    let mut expansion = Expansion {
        matrix,
        known,
        cells: Vec::new(),
        places: Vec::new(),
        index: HashTable::new(),
        hasher: RandomState::new(),
        skipped: BTreeMap::new(),
        used_excludes: BTreeSet::new(),
        used_expects: BTreeSet::new(),
    };
    let mut total = 0_u64;
    for block in &matrix.blocks {
        total = total.saturating_add(block.size());
        if total > MAX_CELLS {
            let message = format!("this makes {total} cells, more than {MAX_CELLS}");
            findings.error(block.at, message).help("split the matrix, or leave values out");
            break;
        }
        expansion.block(block, findings);
    }
    expansion.lint(findings);
    expansion.plan()
}

struct Expansion<'m> {
    matrix: &'m Matrix,
    known: &'m Known<'m>,
    cells: Vec<Cell>,
    /// Of each cell, the place of its block.
    places: Vec<Span>,
    /// Where the cell of an id is. It keeps no second copy of the ids: there may be many.
    index: HashTable<usize>,
    hasher: RandomState,
    skipped: BTreeMap<CellId, String>,
    used_excludes: BTreeSet<usize>,
    used_expects: BTreeSet<usize>,
}

/// One combination of a block's values, each with its place.
struct Point<'b> {
    kernel: &'b At<KernelName>,
    arch: &'b At<Arch>,
    ram: &'b At<RamMib>,
    workload: &'b At<Workload>,
    vcpus: &'b At<u32>,
    custom: BTreeMap<&'b str, &'b CustomValue>,
}

impl Block {
    fn size(&self) -> u64 {
        let custom = self.custom.values().map(|axis| axis.values.len());
        let builtin = [
            self.kernel.values.len(),
            self.arch.values.len(),
            self.ram.values.len(),
            self.workload.values.len(),
            self.vcpus.values.len(),
        ];
        builtin.into_iter().chain(custom).fold(1, |product, length| product.saturating_mul(length as u64))
    }

    /// Whether the user wrote one value for every axis: then that very cell was requested.
    fn names_one_cell(&self) -> bool {
        self.kernel.named
            && self.arch.named
            && self.ram.named
            && self.workload.named
            && self.vcpus.named
            && self.custom.values().all(|axis| axis.named)
    }

    /// The combination of this number, counted as an odometer does: the kernel varies slowest, the custom axes fastest.
    fn point(&self, number: u64) -> Point<'_> {
        let mut rest = number;
        let custom =
            self.custom.iter().rev().map(|(name, axis)| (name.as_str(), &axis.pick(&mut rest).value)).collect();
        let vcpus = self.vcpus.pick(&mut rest);
        let workload = self.workload.pick(&mut rest);
        let ram = self.ram.pick(&mut rest);
        let arch = self.arch.pick(&mut rest);
        let kernel = self.kernel.pick(&mut rest);
        Point { kernel, arch, ram, workload, vcpus, custom }
    }

    /// The cell at a point, expecting a pass.
    fn cell(&self, point: &Point<'_>) -> Cell {
        let added =
            |pick: fn(&CustomValue) -> &[String]| point.custom.values().flat_map(move |value| pick(value)).cloned();
        let own = point.custom.values().rev().map(|value| value.extras.canary);
        let canary = own.chain([self.extras.canary]).find(Option::is_some);
        let mut cell = Cell {
            id: CellId::new(""),
            kernel: point.kernel.value.clone(),
            arch: point.arch.value,
            ram: point.ram.value,
            vcpus: point.vcpus.value,
            payload: Payload::Workload {
                name: point.workload.value.name.clone(),
                options: point.workload.value.options.clone(),
            },
            needs: Needs::default(),
            faults: point.custom.values().fold(self.extras.faults, |faults, value| faults.with(&value.extras.faults)),
            canary: canary.flatten().unwrap_or_default(),
            axes: point.custom.iter().map(|(name, value)| (*name, value.name.as_str())).collect(),
            append: self.extras.append.iter().cloned().chain(added(|value| &value.extras.append)).collect(),
            qemu: self.extras.qemu.iter().cloned().chain(added(|value| &value.extras.qemu)).collect(),
            timeouts: self.timeouts,
            repeat: self.repeat,
            expect: Expectation::pass(),
            fail_on: self.fail_on.clone(),
            quarantine: Vec::new(),
        };
        cell.id = cell_id(&cell);
        cell
    }
}

impl<T> Axis<T> {
    /// The value for the lowest digit of a number, to the base of the number of values; removes the digit.
    fn pick(&self, number: &mut u64) -> &At<T> {
        let base = self.values.len() as u64;
        let digit = *number % base;
        *number /= base;
        &self.values[digit as usize]
    }
}

impl Point<'_> {
    fn place_of(&self, axis: &Key) -> Span {
        match axis {
            Key::Kernel => self.kernel.at,
            Key::Arch => self.arch.at,
            Key::Ram => self.ram.at,
            Key::Vcpus => self.vcpus.at,
            Key::Workload | Key::Id | Key::Axis(_) => self.workload.at,
        }
    }
}

impl Expansion<'_> {
    fn block(&mut self, block: &Block, findings: &mut Findings<'_>) {
        for point in (0..block.size()).map(|number| block.point(number)) {
            let mut cell = block.cell(&point);
            cell.needs = fit::needs(&cell, self.known);
            if self.is_excluded(&cell) {
                continue;
            }
            if let Err(misfit) = fit::check(&cell, self.known, MinRam::Known) {
                if block.names_one_cell() {
                    findings.error(point.place_of(&misfit.axis()), "this cell cannot exist").label(misfit.to_string());
                } else {
                    self.skipped.insert(cell.id, misfit.to_string());
                }
                continue;
            }
            cell.expect = self.expectation(&cell, &point);
            self.add(cell, block.at, findings);
        }
    }

    fn is_excluded(&mut self, cell: &Cell) -> bool {
        // No short cut: every entry that matches counts as used.
        let matching = self.matrix.exclude.iter().enumerate().filter(|(_, selector)| selector.matches(cell));
        let matching: Vec<usize> = matching.map(|(index, _)| index).collect();
        self.used_excludes.extend(&matching);
        !matching.is_empty()
    }

    /// The last entry of `expect` that matches, or else the verdict of a healthy kernel.
    fn expectation(&mut self, cell: &Cell, point: &Point<'_>) -> Expectation {
        let workload = self.known.workloads.get(point.workload.value.name.as_str());
        let mut expectation = workload.map_or(Expectation::pass(), |known| known.healthy(point.arch.value));
        for (index, expected) in self.matrix.expect.iter().enumerate() {
            if expected.selector.matches(cell) {
                self.used_expects.insert(index);
                expectation = expected.expectation.clone();
            }
        }
        expectation
    }

    /// Adds a cell. The settings of this block replace those of an earlier block, but two blocks that boot it in
    /// different ways are an error.
    fn add(&mut self, cell: Cell, at: Span, findings: &mut Findings<'_>) {
        let Some(index) = self.position(&cell.id) else {
            let hash = self.hasher.hash_one(&cell.id);
            let (cells, hasher) = (&self.cells, &self.hasher);
            // Where the table grows, it hashes the others again.
            self.index.insert_unique(hash, cells.len(), |&other| hasher.hash_one(&cells[other].id));
            self.cells.push(cell);
            self.places.push(at);
            return;
        };
        let (earlier, place) = (&mut self.cells[index], &mut self.places[index]);
        let boots = |cell: &Cell| (cell.append.clone(), cell.qemu.clone(), cell.faults, cell.canary);
        if boots(earlier) != boots(&cell) {
            let message = format!("`{}` boots in another way here than on line {}", cell.id, place.line);
            findings
                .error(at, message)
                .help("make the difference a custom axis, so that the two cells have different names");
        }
        (*earlier, *place) = (cell, at);
    }

    fn position(&self, id: &CellId) -> Option<usize> {
        self.index.find(self.hasher.hash_one(id), |&other| self.cells[other].id == *id).copied()
    }

    /// Warns of entries without effect, and reports a matrix without cells.
    fn lint(&self, findings: &mut Findings<'_>) {
        if findings.has_errors() {
            return;
        }
        for (index, selector) in self.matrix.exclude.iter().enumerate() {
            if !self.used_excludes.contains(&index) {
                findings.warning(selector.at, "this excludes nothing: no cell matches");
            }
        }
        for (index, expected) in self.matrix.expect.iter().enumerate() {
            if !self.used_expects.contains(&index) {
                findings.warning(expected.selector.at, "this expects nothing: no cell matches");
            }
        }
        if self.cells.is_empty() {
            let at = self.matrix.blocks.first().map(|block| block.at).unwrap_or_default();
            let label = match self.skipped.first_key_value() {
                Some((id, reason)) => format!("{id}: {reason}"),
                None if self.matrix.blocks.is_empty() => "it has neither `axes` nor `include`".to_owned(),
                None => "all of them are excluded".to_owned(),
            };
            findings.error(at, "the matrix has no cell that can run").label(label);
        }
    }

    fn plan(mut self) -> Plan {
        let mut skipped = std::mem::take(&mut self.skipped);
        skipped.retain(|id, _| self.position(id).is_none());
        Plan {
            schema: PLAN_SCHEMA,
            name: self.matrix.name.clone(),
            cells: self.cells,
            skipped: skipped.into_iter().map(|(id, reason)| Skipped { id, reason }).collect(),
        }
    }
}
