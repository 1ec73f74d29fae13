//! The same with real kernels in real QEMU.

use super::{Bench, ended, wait_for};
use crate::processes::signal;
use crate::support::kernels;
use crate::support::program::{finish, start, wait};
use model::Kind;
use oomlab::store::RunDir;
use rustix::process::Signal;
use std::process::Command;

const MATRIX: &str = "
defaults: {repeat: 2, timeouts: {stuck: 2s}}
axes: {kernel: linux-7.3, arch: riscv64-nommu, ram: 32M, workload: [idle, zombie-victim]}
expect:
  - {match: {workload: zombie-victim}, verdict: hang/oom-livelock, reason: without an MMU there is no OOM reaper}
";

/// With the tester's cache, and real QEMU.
fn command(bench: &Bench, args: &[&str]) -> Command {
    let mut command = bench.command(args);
    command.env("OOMLAB_CACHE", kernels::cache()).env_remove("OOMLAB_QEMU");
    command
}

/// Stops the run once `trials` have ended and the others have `events`, resumes it, and checks what there is in the end.
fn stop_and_resume(bench: &Bench, run: &str, (trials, events): (usize, usize), how: Signal) {
    let out = format!("runs/{run}");
    let lab = start(&mut command(bench, &["run", "matrix.yaml", "--out", &out, "--jobs", "1"]));
    let dir = bench.dir(run);
    wait_for(&dir, trials, events);
    signal(&lab, how);
    wait(lab);
    let before = ended(&dir);
    assert!(before.len() < 4, "{run}: it was too late");
    let resumed = finish(&mut command(bench, &["run", "matrix.yaml", "--resume", run, "--jobs", "1"]));
    assert_eq!(resumed.status, Some(0), "{run}: {resumed:?}");
    let after = ended(&dir);
    assert!(before.iter().all(|(path, text)| after.get(path) == Some(text)), "{run}: judged twice");
    let record = RunDir::open(&dir).unwrap().record().unwrap();
    let kinds: Vec<Kind> = record.trials.iter().map(|trial| trial.verdict.kind).collect();
    assert!(kinds[..2].iter().all(|kind| matches!(kind, Kind::Finished | Kind::Slow)), "{kinds:?}");
    assert_eq!((&kinds[2..], record.not_run.len()), (&[Kind::OomLivelock; 2][..], 0));
    // The second trial of a cell refers to the diagnostics of the first, also if another lab has collected them.
    let bundled = |number: usize| record.trials[number].artifacts.iter().any(|file| file.file == "bundle/sysrq-t.txt");
    assert_eq!((bundled(2), bundled(3)), (true, false), "{run}");
    assert_eq!(bench.processes(), [""; 0], "{run}");
    assert_eq!(bench.temporary_files(), Vec::<std::path::PathBuf>::new(), "{run}");
}

fn bench() -> Bench {
    kernels::kernel("linux-7.3", "riscv64-nommu");
    let bench = Bench::new();
    bench.program.write("matrix.yaml", MATRIX);
    bench
}

#[test]
fn killed_run_of_real_guests_is_resumed() {
    let bench = bench();
    stop_and_resume(&bench, "killed", (3, 60), Signal::KILL);
}

#[test]
#[ignore = "takes minutes: `cargo nextest run --run-ignored only resume::real`"]
fn killed_run_of_real_guests_is_resumed_from_five_points() {
    let bench = bench();
    for (number, point) in [(0, 3), (0, 100), (1, 20), (2, 90), (3, 40)].into_iter().enumerate() {
        stop_and_resume(&bench, &format!("killed-{number}"), point, Signal::KILL);
    }
    stop_and_resume(&bench, "interrupted", (1, 60), Signal::INT);
}
