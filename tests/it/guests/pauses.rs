//! Labs that are stopped (SIGSTOP) in the middle of a healthy trial: `tests/guests/repeat.sh pauses`.

use super::outside::Running;
use super::program::Program;
use super::repeat::{get_kernels, setting};
use super::{keep, kernels, plan};
use model::{Outcome, TrialRecord};
use oomlab::store::RunDir;
use rustix::process::Signal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const HEALTHY: &str = include_str!("../../guests/pauses.yaml");

/// Stuck for three seconds is a hang here.
const SHORT: &str = "
include:
  - {kernel: linux-7.3, arch: riscv64-nommu, ram: 32M, workload: {idle: {ms: 4000}}, timeouts: {stuck: 1s}}
";

/// The verdict of a lab that is stopped after a time, and goes on after another, with the folder in which it ran.
fn judge(matrix: &str, filter: &str, after: Duration, length: Duration) -> (TrialRecord, Program) {
    let program = Program::new();
    program.write("matrix.yaml", matrix);
    let args = ["run", "matrix.yaml", "--filter", filter, "--repeat", "1", "--out", "run"];
    let running = Running::start(&mut kernels::command(&program, &args), program.dir());
    running.qemu();
    if !running.ends_within(after) {
        running.signal(Signal::STOP);
        assert!(!running.ends_within(length), "a stopped process does not end");
        running.signal(Signal::CONT);
    }
    running.finish();
    let record = RunDir::open(&program.dir().join("run")).and_then(|run| run.record()).expect("a finished run");
    (record.trials.into_iter().next().expect("a trial"), program)
}

#[test]
fn a_lab_that_was_stopped_lets_a_healthy_guest_pass() {
    kernels::kernel("linux-7.3", "riscv64-nommu");
    let (trial, _program) = judge(SHORT, "idle", Duration::from_millis(1500), Duration::from_secs(8));
    assert_eq!(trial.verdict.outcome(), Outcome::Pass, "{:?}", trial.verdict);
}

/// A number below `below`, spread out, the same for each trial.
fn spread(trial: usize, below: u64) -> u64 {
    ((trial as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % below
}

#[test]
#[ignore = "takes minutes: tests/guests/repeat.sh pauses"]
fn stopped_labs_never_call_a_healthy_guest_hung() {
    let cells = plan(HEALTHY);
    get_kernels(&cells);
    let trials = setting("OOMLAB_GUESTS_TIMES", 40);
    let (next, hangs) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let trial = next.fetch_add(1, Ordering::Relaxed);
            if trial >= trials {
                return;
            }
            let cell = &cells[trial % cells.len()];
            let after = Duration::from_millis(300 + spread(trial, 6000));
            let length = Duration::from_millis(1000 + spread(trial + trials, 59_000));
            let filter = format!("id={}", cell.id);
            let (record, program) = judge(HEALTHY, &filter, after, length);
            let kind = record.verdict.kind;
            println!("{:>3}/{trials} {} stopped after {after:.1?} for {length:.0?}: {kind}", trial + 1, cell.id);
            if record.verdict.outcome() != Outcome::Pass {
                hangs.lock().unwrap().push(format!("{} {kind}: {}", cell.id, keep(program).display()));
            }
        }
    };
    std::thread::scope(|scope| {
        (0..setting("OOMLAB_GUESTS_JOBS", 4)).for_each(|_| {
            scope.spawn(work);
        });
    });
    let hangs = hangs.into_inner().unwrap();
    assert!(hangs.is_empty(), "{} of {trials} did not pass:\n{}", hangs.len(), hangs.join("\n"));
}
