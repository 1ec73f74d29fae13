//! `oomlab rerun`: a new run of an earlier plan.

use super::{Bench, healthy};
use crate::support::guests::{AGENT, matrix};
use oomlab::store::RunDir;

/// A run `it` with two failures of four cells, of which one has two trials.
fn bench() -> Bench {
    let bench = Bench::new();
    let panic = format!("{AGENT}say [    1.5] Kernel panic - not syncing: x\nevent SHUTDOWN guest-reset\nexit 0\n");
    let broken = "stderr fake-qemu: could not load kernel 'x'\nexit 1\n";
    matrix(&bench.program, &[("a", &healthy()), ("b", &panic), ("c", broken), ("d", &healthy())], "");
    assert_eq!(bench.run(&["run", "matrix.yaml", "--out", "runs/it"]).status, Some(3));
    bench
}

fn cells(bench: &Bench, run: &str) -> Vec<(String, u32)> {
    let plan = RunDir::open(&bench.dir(run)).unwrap().plan().unwrap();
    let guest = |id: &str| id.rsplit_once('=').unwrap().1.to_owned();
    plan.cells.iter().map(|cell| (guest(cell.id.as_str()), cell.repeat)).collect()
}

fn named(cells: &[(&str, u32)]) -> Vec<(String, u32)> {
    cells.iter().map(|(guest, repeat)| ((*guest).to_owned(), *repeat)).collect()
}

#[test]
fn rerun_of_failures_is_a_new_run() {
    let bench = bench();
    let again = bench.run(&["rerun", "--failed", "--repeat", "2", "--out", "runs/again"]);
    assert_eq!(again.status, Some(3), "{again:?}");
    assert!(again.stderr.contains("the plan of runs/it\n"), "{again:?}");
    assert_eq!(cells(&bench, "again"), named(&[("b", 2), ("c", 2)]));
    assert_eq!(bench.results("again").len(), 4);
    assert_eq!(bench.results("it").len(), 4, "the earlier run is as it was");
    bench.program.write("b.script", &healthy());
    // The latest run is the one above.
    let repaired = bench.run(&["rerun", "--failed", "--filter", "guest=b", "--out", "runs/repaired"]);
    assert_eq!(repaired.status, Some(0), "{repaired:?}");
    assert_eq!(cells(&bench, "repaired"), named(&[("b", 2)]));
    let nothing = bench.run(&["rerun", "repaired", "--failed"]);
    assert_eq!(nothing.status, Some(2), "{nothing:?}");
    assert!(nothing.stderr.contains("all 2 trials of runs/repaired that have ended are as expected"), "{nothing:?}");
}

#[test]
fn rerun_has_the_plan_of_the_run() {
    let bench = bench();
    std::fs::remove_file(bench.program.dir().join("matrix.yaml")).unwrap();
    let again = bench.run(&["rerun", "it", "--out", "runs/again"]);
    assert_eq!(again.status, Some(3), "{again:?}");
    assert_eq!(bench.results("again"), bench.results("it"));
    assert_eq!(bench.head("again")["name"], bench.head("it")["name"]);
}
