//! Cells and trials for the tests of nights.

use model::{Accel, Cell, Kind, Quarantine, RamMib, RuleId, TrialRecord, Verdict};

pub(super) fn cell(id: &str, quarantine: Vec<Quarantine>) -> Cell {
    Cell { ram: RamMib(32), quarantine, ..model::samples::cell(id, arch::find("arm").unwrap(), "idle") }
}

/// An entry that covers every failure.
pub(super) fn entry(place: &str) -> Quarantine {
    Quarantine { place: place.to_owned(), ..model::samples::quarantine("linux-7.4") }
}

pub(super) fn trial(cell: &Cell, number: u32, kind: Kind) -> TrialRecord {
    let verdict = Verdict::new(kind, RuleId::CanaryStuck, "x");
    TrialRecord::new(cell.clone(), number, Accel::Tcg, "2026-11-30T01:00:00Z".to_owned(), verdict)
}
