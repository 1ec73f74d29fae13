//! Trials as a run's folder has them, with the events of `tests/replays/`.

use model::{Accel, Artifact, Cell, Digest, Payload, RamMib, Record, TrialRecord};
use oomlab::store::read_events;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use watchdog::{Setup, retrace};

/// The events of a case.
pub fn events_path(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/watchdog/tests/replays").join(case).join("events.jsonl")
}

/// As [`events_path`], read.
pub fn events(case: &str) -> Vec<Record> {
    read_events(&events_path(case)).expect("recorded events")
}

/// The record of such a trial, judged by the present rules.
pub fn trial(case: &str) -> TrialRecord {
    let payload = match case.contains("without-agent") {
        true => Payload::Initrd(model::Initrd::default()),
        false => Payload::Workload { name: "anon-hog".into(), options: BTreeMap::new() },
    };
    let cell = Cell {
        kernel: "linux-6.1".into(),
        ram: RamMib(32),
        payload,
        ..model::samples::cell(
            &format!("linux-6.1.riscv64-nommu.32M.{case}"),
            arch::find("riscv64-nommu").unwrap(),
            "idle",
        )
    };
    let course = retrace(Setup::of(&cell), &events(case));
    let verdict = course.verdict.expect("a verdict");
    TrialRecord {
        duration_s: 17.5,
        boot_s: course.stages.get(1).map(|(at, _)| at.as_secs_f64()).filter(|_| !case.starts_with("boot-")),
        oom_kills: course.kills.last().map_or(0, |(_, kills)| *kills),
        command: vec!["qemu-system-riscv64".to_owned()],
        kernel_release: Some("6.1.176".to_owned()),
        kernel_digest: Some(Digest::new("ab".repeat(32))),
        artifacts: vec![Artifact { file: "why.md".to_owned(), bytes: 4711, sha256: Digest::new("cd".repeat(32)) }],
        ..TrialRecord::new(cell, 1, Accel::Tcg, "2026-11-24T10:00:00Z".to_owned(), verdict)
    }
}
