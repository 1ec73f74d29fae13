//! Cells and trials for the tests of nights.

use model::{
    Accel, Axes, Canary, Cell, CellId, Expectation, Faults, Kind, Needs, Payload, Quarantine, RamMib, RuleId, Timeouts,
    TrialRecord, Verdict,
};
use std::collections::BTreeMap;

pub(super) fn cell(id: &str, quarantine: Vec<Quarantine>) -> Cell {
    Cell {
        id: CellId::new(id),
        kernel: "linux-7.3".into(),
        arch: arch::find("arm").unwrap(),
        ram: RamMib(32),
        vcpus: 1,
        payload: Payload::Workload { name: "idle".into(), options: BTreeMap::new() },
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
        quarantine,
    }
}

/// An entry that covers every failure.
pub(super) fn entry(place: &str) -> Quarantine {
    Quarantine {
        place: place.to_owned(),
        verdicts: Vec::new(),
        title: None,
        reason: "known".to_owned(),
        link: "https://example.org/1".to_owned(),
        until: "linux-7.4".parse().unwrap(),
    }
}

pub(super) fn trial(cell: &Cell, number: u32, kind: Kind) -> TrialRecord {
    let verdict = Verdict::new(kind, RuleId::CanaryStuck, "x");
    TrialRecord::new(cell.clone(), number, Accel::Tcg, "2026-11-30T01:00:00Z".to_owned(), verdict)
}
