//! Guests with a known verdict, each really booted: `tests/guests/README.md`.

use crate::support::kernels;
use crate::support::load;
use crate::support::outside;
use crate::support::program;
mod pauses;
mod repeat;

use model::{Bundle, Cell, Event, Evidence, Expectation, Frame, Kind, Outcome, Step, StepResult, TrialRecord, Verdict};
use oomlab::store::{read_events, read_trial};
use outside::{Running, qmp, trial_folder};
use program::Program;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::Duration;
use watchdog::{Setup, replay};

/// Has the workloads of the guests.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests");
const GUESTS: &str = include_str!("../guests/guests.yaml");

/// What the program makes of a matrix.
fn plan(matrix: &str) -> Vec<Cell> {
    let program = Program::new();
    program.write("matrix.yaml", matrix);
    let planned = program.run(["--data", FOLDER, "plan", "--json", "matrix.yaml"]);
    assert_eq!(planned.status, Some(0), "{}", planned.stderr);
    let document: serde_json::Value = serde_json::from_str(&planned.stdout).unwrap();
    let cells = document["cells"].as_array().unwrap().iter();
    cells.map(|entry| serde_json::from_value(entry["cell"].clone()).unwrap()).collect()
}

/// The guest's name: its value of the axis `guest`.
fn name(cell: &Cell) -> &str {
    &cell.axes["guest"]
}

/// The verdict that a guest must get. What the lab itself fails of is none that a matrix may expect.
fn expected(cell: &Cell) -> Expectation {
    let lab_error = |kind: Kind| Expectation::of(kind.into());
    match name(cell) {
        "qemu-killed" => lab_error(Kind::QemuDied),
        "qemu-stopped" => lab_error(Kind::Paused),
        _ => cell.expect.clone(),
    }
}

/// Disturbs the guest of this name from outside.
fn meddle(guest: &str, running: &Running, dir: &Path) {
    let wait_for_the_workload = || {
        running.wait_for(|event| matches!(event, Event::Agent { frame: Frame::Started { .. }, .. }).then_some(()));
    };
    match guest {
        "qemu-killed" => {
            wait_for_the_workload();
            running.qemu().signal(Signal::KILL);
        }
        "qemu-stopped" => {
            wait_for_the_workload();
            qmp(&dir.join("monitor"), "stop");
        }
        "slow" => stop_and_go(running),
        _ => {}
    }
}

/// Leaves QEMU one part in eighteen of the time, in step with no clock of the lab's.
fn stop_and_go(running: &Running) {
    let qemu = running.qemu();
    loop {
        for (signal, ms) in [(Signal::STOP, 527), (Signal::CONT, 31)] {
            qemu.signal(signal);
            if running.ends_within(Duration::from_millis(ms)) {
                return;
            }
        }
    }
}

/// A guest that was booted once.
struct Known {
    program: Program,
    trial: TrialRecord,
    /// What is wrong with the verdict, if anything is.
    wrong: Vec<String>,
}

impl Known {
    /// Boots the cell of `guests.yaml`.
    fn boot(cell: &Cell) -> Self {
        let program = Program::new();
        program.write("matrix.yaml", GUESTS);
        let filter = format!("guest={} arch={}", name(cell), cell.arch);
        let args = ["--data", FOLDER, "run", "matrix.yaml", "--filter", &filter, "--out", "run"];
        let running = Running::start(&mut kernels::command(&program, &args), program.dir());
        meddle(name(cell), &running, program.dir());
        running.finish();
        let folder = trial_folder(program.dir()).expect("one trial");
        let trial = read_trial(&folder).expect("a finished trial");
        let wrong = faults(&trial, &folder);
        Self { program, trial, wrong }
    }

    /// Seconds from the last progress to the verdict, for verdicts that have an onset.
    fn reported_after_s(&self) -> Option<f64> {
        let after = |bundle: Bundle| bundle.steps.into_iter().find(|record| !record.before_verdict);
        let judged_s = self.bundle().and_then(after).map_or(self.trial.duration_s, |step| step.began.as_secs_f64());
        Some(judged_s - self.trial.verdict.onset?.host.as_secs_f64())
    }

    fn bundle(&self) -> Option<Bundle> {
        bundle(&trial_folder(self.program.dir())?).ok()
    }

    /// Seconds that the collection of evidence took, where there was one.
    fn bundle_s(&self) -> Option<f64> {
        let steps = self.bundle()?.steps;
        let (first, last) = (steps.iter().find(|record| !record.before_verdict)?, steps.last()?);
        Some(last.began.since(first.began).as_secs_f64() + last.took_ms as f64 / 1e3)
    }

    fn assert_right(self) {
        if !self.wrong.is_empty() {
            panic!("{:#?}\n{:#?}\nkept in {}", self.wrong, self.trial.verdict, keep(self.program).display());
        }
    }
}

/// Leaves a program's folder where it is, for a person to look at.
fn keep(program: Program) -> PathBuf {
    let folder = program.dir().to_owned();
    std::mem::forget(program);
    folder
}

/// What a trial's verdict should have been or said, and was or did not.
fn faults(trial: &TrialRecord, folder: &Path) -> Vec<String> {
    let (verdict, expected) = (&trial.verdict, expected(&trial.cell));
    if !expected.matches(verdict.outcome(), verdict.kind) {
        return vec![format!("{}/{}, not {expected}: {}", verdict.outcome(), verdict.kind, verdict.summary)];
    }
    let mut faults = Vec::new();
    let events = read_events(&folder.join("events.jsonl")).expect("the events");
    if replay(Setup::of(&trial.cell), &events).as_ref() != Some(verdict) {
        faults.push("the record judges otherwise".to_owned());
    }
    // Some machines end QEMU at once when they are switched off (QEMU 7.2, `hw/misc/sifive_test.c`).
    let looked_at = matches!(verdict.outcome(), Outcome::Hang | Outcome::Crash | Outcome::BootFailed);
    if looked_at && verdict.kind != Kind::BootPowerOff {
        faults.extend(bundle_faults(folder));
    }
    let console = std::fs::read(folder.join("console.log")).expect("the console");
    let console = String::from_utf8_lossy(&console);
    if verdict.kind == Kind::OomLivelock {
        // The lab itself may have had a second one killed, to prove that nothing else was in the way.
        let first = console.split("Killed process ").nth(1).unwrap_or_default();
        let victim = verdict.victim.as_ref().map(|task| format!("{} ({})", task.pid, task.comm));
        if !victim.is_some_and(|victim| first.starts_with(&victim)) {
            faults.push(format!("the victim is not {:?}", verdict.victim));
        }
        // 128 MiB and less are read at once; on a busy host it may have been too late.
        faults.extend(victim_faults(verdict));
        // The log buffer tells it as the console does, with the same time; on a busy host it may not have been read.
        let killed = console.lines().find(|line| line.contains("Killed process ")).unwrap_or_default().trim_end();
        if let Ok(log) = std::fs::read_to_string(folder.join("bundle/kernel-log.txt"))
            && !log.lines().any(|line| line == killed)
        {
            faults.push(format!("the kernel's log lacks {killed:?}"));
        }
    }
    if verdict.kind == Kind::SilentStall && console.contains("invoked oom-killer") {
        faults.push("the OOM killer said something".to_owned());
    }
    faults
}

/// What the verdict on a livelock should say of its victim's task, and does not.
fn victim_faults(verdict: &Verdict) -> Option<String> {
    let pid = verdict.victim.as_ref().map(|task| task.pid);
    let is_shown = |evidence: &Evidence| match evidence {
        Evidence::Victim { pid: shown, oom_skip, .. } => Some(*shown) == pid && oom_skip.is_some(),
        _ => false,
    };
    let is_right = is_busy() || verdict.evidence.iter().any(is_shown);
    (!is_right).then(|| format!("no evidence of the victim's flags: {:?}", verdict.evidence))
}

/// Whether the host is kept busy on purpose: QEMU may be too late with an answer.
fn is_busy() -> bool {
    std::env::var("OOMLAB_GUESTS_SPINNERS").is_ok_and(|spinners| spinners != "0")
}

fn bundle(folder: &Path) -> Result<Bundle, String> {
    let text = std::fs::read_to_string(folder.join("bundle.json")).map_err(|error| format!("no bundle: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("a bundle that cannot be read: {error}"))
}

/// What is not as it should be with the evidence of a guest that did not do well.
fn bundle_faults(folder: &Path) -> Vec<String> {
    let steps = match bundle(folder) {
        Ok(bundle) => bundle.steps,
        Err(why) => return vec![why],
    };
    let busy = is_busy();
    let mut faults = Vec::new();
    if !steps.iter().map(|record| record.step).eq(Step::ALL.iter().copied()) {
        faults.push("the bundle lacks a step".to_owned());
    }
    for record in &steps {
        match &record.result {
            StepResult::Done { file } if std::fs::metadata(folder.join(file)).is_ok_and(|file| file.len() > 0) => {}
            StepResult::Skipped { .. } => {}
            StepResult::Late { .. } | StepResult::Failed { .. } if busy => {}
            // A kernel that does nothing more answers nothing, and one that has just begun has no counters yet.
            StepResult::Failed { .. } if record.step != Step::Registers => {}
            result => faults.push(format!("{}: {result:?}", record.step)),
        }
    }
    faults
}

macro_rules! guests {
    ($($test:ident: $guest:literal, $arch:literal;)+) => {
        const TESTED: &[(&str, &str)] = &[$(($guest, $arch)),+];

        $(
            #[test]
            fn $test() {
                test($guest, $arch);
            }
        )+
    };
}

guests! {
    interrupts_off_is_a_spin: "spin", "riscv64-nommu";
    all_interrupts_masked_is_a_deadlock: "all-idle", "riscv64-nommu";
    suspended_for_ever_is_a_deadlock: "all-idle", "x86_64";
    zombie_victim_is_a_livelock: "oom-livelock", "riscv64-nommu";
    a_victim_without_cpu_is_a_livelock: "oom-livelock", "x86_64";
    an_oom_killer_that_does_nothing_is_a_silent_stall: "silent-stall", "riscv64-nommu";
    an_agent_that_jumps_on_the_spot_is_lost: "agent-lost", "riscv64-nommu";
    an_agent_that_is_stopped_is_lost: "agent-lost", "x86_64";
    a_panic_is_a_panic_on_x86_64: "panic", "x86_64";
    a_panic_is_a_panic_on_arm: "panic", "arm";
    an_oops_is_an_oops: "oops", "riscv64-nommu";
    a_kernel_that_stops_before_it_has_a_console_is_silent: "boot-silent-idle", "x86_64";
    a_kernel_that_dies_before_it_has_a_console_is_silent: "boot-silent-busy", "arm";
    a_restart_before_the_agent_is_a_reboot_loop: "reboot-loop", "riscv64-nommu";
    a_power_off_before_the_agent_is_no_boot: "boot-power-off", "riscv64-nommu";
    a_power_off_before_the_end_proves_nothing: "early-power-off", "x86_64";
    a_restart_before_the_end_proves_nothing: "early-restart", "riscv64-nommu";
    a_flooded_console_is_no_hang: "flood", "riscv64-nommu";
    idle_guest_is_no_hang: "idle", "x86_64";
    oom_kills_are_no_hang: "oom-kills", "x86_64";
    oom_kills_without_an_mmu_are_no_hang: "oom-kills", "riscv64-nommu";
    next_to_no_cpu_is_slow: "slow", "riscv64-nommu";
    more_memory_than_there_is_ram_is_thrashing: "thrash", "x86_64";
    a_killed_qemu_is_the_labs_fault: "qemu-killed", "riscv64-nommu";
    a_stopped_qemu_is_the_labs_fault: "qemu-stopped", "riscv64-nommu";
}

fn test(guest: &str, arch: &str) {
    let mut cells = plan(GUESTS).into_iter().filter(|cell| name(cell) == guest && cell.arch.name == arch);
    let (Some(cell), None) = (cells.next(), cells.next()) else { panic!("{guest} on {arch} is one cell") };
    kernels::kernel(cell.kernel.as_str(), arch);
    Known::boot(&cell).assert_right();
}

#[test]
fn every_guest_has_a_test() {
    let cells = plan(GUESTS);
    let missing = |cell: &&Cell| !TESTED.contains(&(name(cell), cell.arch.name));
    assert_eq!(cells.iter().filter(missing).map(|cell| cell.id.as_str()).collect::<Vec<_>>(), [""; 0]);
}
