//! Cells and entries of quarantines for the tests of all crates.

use super::{
    Arch, Axes, Canary, Cell, CellId, Expectation, Faults, Needs, Payload, Quarantine, RamMib, Timeouts, WorkloadName,
};
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

/// An entry that covers every failure until a day or a kernel.
///
/// # Panics
/// When `until` is neither.
pub fn quarantine(until: &str) -> Quarantine {
    Quarantine {
        place: "quarantine.yaml:1".to_owned(),
        verdicts: Vec::new(),
        title: None,
        reason: "known".to_owned(),
        link: "https://example.org/1".to_owned(),
        until: until.parse().expect("a day or a kernel"),
    }
}
