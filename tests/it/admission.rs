//! Runs on hosts whose memory and stalls change: their files are a test's.

use crate::support::program::Program;
use crate::support::scripted::Scripted;
use model::{Cell, Outcome, TrialRecord};
use oomlab::host::HostReader;
use oomlab::lab::{Observer, Status};
use oomlab::schedule::TimeLeft;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A guest that works for about two seconds.
const BUSY: &str = "say [    0.000000] Linux version 6.1.0\n\
    frame hello v=1 arch=riscv64-nommu page=4096 ram=28000\nframe speed us=1000\n\
    frame started name=scripted pid=20\nbeats 20 100 moving\nframe finished status=0 units=3\nframe bye\n\
    event SHUTDOWN guest-shutdown\nexit 0\n";

/// A guest with 32 MiB needs 160 MiB.
const RESERVE_MIB: u64 = 1000;

/// A host, and what a run on it says.
struct FakeHost {
    root: TempDir,
    now: AtomicU32,
    most: AtomicU32,
    requeued: AtomicU32,
    said: Mutex<Vec<String>>,
    /// Changes the host when a trial starts; the argument is how many run then.
    on_start: fn(&FakeHost, u32),
    /// Changes the host when trials wait for it.
    on_wait: fn(&FakeHost),
}

impl FakeHost {
    fn new(available_mib: u64, on_start: fn(&Self, u32), on_wait: fn(&Self)) -> Arc<Self> {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("proc/pressure")).unwrap();
        let host = Self {
            root,
            now: AtomicU32::new(0),
            most: AtomicU32::new(0),
            requeued: AtomicU32::new(0),
            said: Mutex::default(),
            on_start,
            on_wait,
        };
        host.set_available(available_mib);
        Arc::new(host)
    }

    fn write(&self, name: &str, text: &str) {
        // In one step: a run reads it at any time.
        let fresh = self.root.path().join("fresh");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(&fresh, self.root.path().join(name)).unwrap();
    }

    fn set_available(&self, mib: u64) {
        self.write("proc/meminfo", &format!("MemAvailable: {} kB\n", mib << 10));
    }

    fn set_memory_pressure(&self, percent: f32) {
        self.write("proc/pressure/memory", &format!("some avg10={percent:.2} avg60=0.00 avg300=0.00 total=1\n"));
    }

    /// The trials of a run of `trials` trials on this host.
    async fn run(self: &Arc<Self>, trials: u32) -> Vec<TrialRecord> {
        let mut scripted = Scripted::default();
        scripted.cell("cell", BUSY).repeat = trials;
        scripted.budget.cpus = 8;
        scripted.budget.reserve_mib = Some(RESERVE_MIB);
        scripted.host = HostReader::below(self.root.path());
        scripted.observer = Arc::clone(self) as Arc<dyn Observer>;
        let record = scripted.run().await;
        let passed = record.trials.iter().filter(|trial| trial.verdict.outcome() == Outcome::Pass).count();
        assert_eq!(
            passed,
            trials as usize,
            "{:?}",
            record.trials.iter().map(|trial| &trial.verdict).collect::<Vec<_>>()
        );
        record.trials
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

impl Observer for FakeHost {
    fn started(&self, _: usize, _: &Cell, _: u32) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        (self.on_start)(self, now);
    }

    fn status(&self, _: usize, _: Status) {}

    fn requeued(&self, _: usize, _: &TrialRecord) {
        self.now.fetch_sub(1, Ordering::Relaxed);
        self.requeued.fetch_add(1, Ordering::Relaxed);
        self.set_available(9999);
    }

    fn note(&self, what: &str) {
        self.said.lock().unwrap().push(what.to_owned());
        (self.on_wait)(self);
    }

    fn time_left(&self, _: Option<TimeLeft>) {}

    fn finished(&self, _: usize, _: &TrialRecord) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn available_memory_limits_guests() {
    let host = FakeHost::new(RESERVE_MIB + 2 * 160 + 159, |_, _| {}, |_| {});
    host.run(4).await;
    assert_eq!(host.most.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn memory_that_another_program_takes_limits_guests() {
    let take = |host: &FakeHost, now: u32| {
        if now == 3 {
            host.set_available(RESERVE_MIB + 200);
            host.most.store(0, Ordering::Relaxed);
        }
    };
    let host = FakeHost::new(RESERVE_MIB + 3 * 160, take, |_| {});
    host.run(5).await;
    assert_eq!(host.most.load(Ordering::Relaxed), 1, "after the first three");
}

#[tokio::test]
async fn stalls_hold_the_first_trial_until_they_are_over() {
    let host = FakeHost::new(9999, |_, _| {}, |host| host.set_memory_pressure(0.0));
    host.set_memory_pressure(40.0);
    host.run(1).await;
    let expected =
        "waiting for the host: its tasks wait for memory 40 % of the time; one starts in a minute at the latest";
    assert_eq!(host.said(), [expected]);
}

#[tokio::test]
async fn guest_makes_room_for_a_host_that_runs_short() {
    let host = FakeHost::new(
        9999,
        |host, now| {
            if now == 2 {
                host.set_available(RESERVE_MIB / 4 - 1)
            }
        },
        |_| {},
    );
    let trials = host.run(2).await;
    assert_eq!(host.requeued.load(Ordering::Relaxed), 1);
    assert_eq!(host.said(), ["249 MiB of memory are available: cell is ended, and runs again later"]);
    assert_eq!(trials.iter().map(|trial| trial.trial).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn host_without_readings_is_no_limit() {
    let nothing: PathBuf = "/nonexistent".into();
    let state = HostReader::below(&nothing).read(&nothing);
    assert_eq!((state.available_mib, state.pressure.memory), (None, 0.0));
}

#[test]
fn plan_has_the_time_that_its_trials_are_expected_to_take() {
    let program = Program::new();
    program.write("matrix.yaml", "axes: {kernel: linux-6.1, arch: riscv64-nommu, ram: 32M, workload: idle}\n");
    let cost = r#"{"seconds": 30.0, "arch": "riscv64-nommu", "workload": "idle"}"#;
    program
        .write("costs.json", &format!(r#"{{"schema": 1, "cells": {{"linux-6.1.riscv64-nommu.32M.idle": {cost}}}}}"#));
    let plan = ["plan", "matrix.yaml", "--costs", "costs.json"];
    let shown = program.run(plan);
    assert!(shown.stdout.starts_with("matrix · 1 cells · 1 trials · about 30 s, "), "{shown:?}");
    let json = program.run(plan.iter().chain(&["--json"]));
    assert!(json.stdout.contains(r#""min_s": 30.0"#), "{json:?}");
    assert!(
        program.run(["plan", "matrix.yaml"]).stdout.starts_with("matrix · 1 cells · 1 trials\n"),
        "nothing is known"
    );
}

#[test]
fn unusable_costs_are_refused_before_anything_runs() {
    let program = Program::new();
    program.write("matrix.yaml", "axes: {kernel: linux-6.1, arch: riscv64-nommu, ram: 32M, workload: idle}\n");
    program.write("costs.json", "[]");
    for command in ["plan", "run"] {
        let refused = program.run([command, "matrix.yaml", "--costs", "costs.json"]);
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("cannot read the costs costs.json: not a file of costs: "), "{refused:?}");
    }
    assert!(!program.dir().join("runs").exists());
}
