//! Cells for the tests of all crates.

use super::{Arch, Axes, Canary, Cell, CellId, Expectation, Faults, Needs, Payload, RamMib, Timeouts, WorkloadName};
use std::collections::BTreeMap;

/// A cell with one vCPU and one trial, which is expected to pass.
pub fn cell(id: &str, arch: Arch, workload: &str) -> Cell {
    Cell {
        id: CellId::new(id),
        kernel: "linux-7.3".into(),
        arch,
        ram: RamMib(64),
        vcpus: 1,
        payload: Payload::Workload { name: WorkloadName::new(workload), options: BTreeMap::new() },
        needs: Needs::default(),
        faults: Faults::default(),
        canary: Canary::default(),
        axes: Axes::default(),
        append: Vec::new(),
        qemu: Vec::new(),
        timeouts: Timeouts::default(),
        repeat: 1,
        expect: Expectation::pass(),
        fail_on: Vec::new(),
        quarantine: Vec::new(),
    }
}
