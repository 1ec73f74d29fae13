//! SIGKILL and SIGINT at many points of a run: the resumed run ends as one that nothing has stopped.

use super::{Bench, ENDLESS, count_ended, ended, healthy, wait_for};
use crate::processes::{eventually, signal};
use crate::support::guests::{AGENT, END, matrix};
use crate::support::program::{start, wait};
use oomlab::host::lock_while_open;
use rustix::process::Signal;
use std::fs::File;
use std::process::Command;

const CELLS: usize = 40;

/// What a guest of the run plays: it passes, also with a kill or with time, panics, does not boot, does not start.
fn script(number: usize) -> String {
    let kill = "say [    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB\n";
    let panic = "say [    1.500000] Kernel panic - not syncing: Fatal exception\nevent SHUTDOWN guest-reset\nexit 0\n";
    match number % 8 {
        0 => format!("{AGENT}{kill}{END}"),
        1 | 5 => format!("{AGENT}beats 8 20 moving\n{END}"),
        2 => format!("{AGENT}{panic}"),
        3 => "say [    0.2] Kernel panic - not syncing: No working init found.\nevent SHUTDOWN guest-reset\nexit 0\n"
            .to_owned(),
        4 => "stderr fake-qemu: could not load kernel 'x'\nexit 1\n".to_owned(),
        _ => healthy(),
    }
}

/// The bench with the matrix of these guests, and the exit status of its run `reference`.
fn bench() -> (Bench, i32) {
    let bench = Bench::new();
    let guests: Vec<(String, String)> = (0..CELLS).map(|number| (format!("g{number:02}"), script(number))).collect();
    let guests: Vec<(&str, &str)> = guests.iter().map(|(name, script)| (name.as_str(), script.as_str())).collect();
    matrix(&bench.program, &guests, "");
    let reference = bench.run(&["run", "matrix.yaml", "--out", "runs/reference", "--jobs", "4"]);
    assert_eq!(reference.status, Some(3), "{reference:?}");
    (bench, 3)
}

/// Numbers that are the same in each test (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, max: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % max as u64).unwrap()
    }
}

/// Kills a run in its middle, resumes it, and compares it with the reference.
fn kill_and_resume(bench: &Bench, status: i32, run: &str, (trials, events): (usize, usize), executor: &str) {
    let out = format!("runs/{run}");
    let args = ["run", "matrix.yaml", "--out", &out, "--jobs", "4", "--executor", executor];
    let mut lab = start(&mut bench.command(&args));
    let dir = bench.dir(run);
    wait_for(&dir, trials, events);
    lab.kill().unwrap();
    wait(lab);
    let before = ended(&dir);
    assert!(before.len() >= trials, "{} of {trials}", before.len());
    assert_eq!(bench.head(run)["finished"], false);
    let resumed = bench.run(&["run", "--resume", run, "--jobs", "4", "--executor", executor]);
    assert_eq!(resumed.status, Some(status), "{run} after {trials}, {events}: {resumed:?}");
    let after = ended(&dir);
    let changed: Vec<_> = before.iter().filter(|(path, text)| after.get(*path) != Some(text)).collect();
    assert!(changed.is_empty(), "{run}: judged twice: {changed:?}");
    let told = format!("resuming runs/{run} · {} of {CELLS} trials have ended", before.len());
    assert!(resumed.stderr.contains(&told), "{told}: {resumed:?}");
    if executor == "local" {
        assert_eq!(bench.results(run), bench.results("reference"), "{run} after {trials}, {events}");
    } else {
        assert_eq!(bench.results(run).len(), CELLS);
    }
    let head = bench.head(run);
    assert_eq!((&head["finished"], &head["interrupted"], &head["resumed"]), (&true.into(), &false.into(), &1.into()));
    assert_eq!(bench.processes(), [""; 0], "{run}");
    assert_eq!(bench.temporary_files(), Vec::<std::path::PathBuf>::new(), "{run}");
    let parts = dir.read_dir().unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(parts.count(), 0, "{run}");
}

fn kill_at_points(points: usize, seed: u64) {
    let (bench, status) = bench();
    let mut numbers = Numbers(seed);
    for number in 0..points {
        let point = (numbers.below(CELLS), numbers.below(25));
        kill_and_resume(&bench, status, &format!("killed-{number}"), point, "local");
    }
    println!("{points} kills, each resumed");
}

#[test]
fn killed_run_is_resumed() {
    kill_at_points(3, 1);
}

#[test]
#[ignore = "takes minutes: `cargo nextest run --run-ignored only resume::kills`"]
fn killed_run_is_resumed_from_fifty_points() {
    kill_at_points(50, 2);
}

#[test]
fn killed_run_of_processes_is_resumed() {
    let (bench, status) = bench();
    kill_and_resume(&bench, status, "processes", (7, 20), "process");
}

#[test]
fn run_that_is_killed_again_and_again_ends() {
    let (bench, status) = bench();
    let dir = bench.dir("again");
    let mut args = vec!["run", "matrix.yaml", "--out", "runs/again", "--jobs", "4"];
    for trials in [5, 17, 33] {
        let mut lab = start(&mut bench.command(&args));
        wait_for(&dir, trials, 4);
        lab.kill().unwrap();
        wait(lab);
        args = vec!["run", "--resume", "again", "--jobs", "4"];
    }
    let duration_s = bench.head("again")["duration_s"].as_f64().unwrap();
    assert_eq!(bench.run(&args).status, Some(status));
    assert_eq!(bench.results("again"), bench.results("reference"));
    assert_eq!(bench.head("again")["resumed"], 3);
    assert!(duration_s > 0.0 && bench.head("again")["duration_s"].as_f64().unwrap() > duration_s, "it adds up");
    // Nothing is left to run: only the report is made again.
    let complete = bench.run(&["run", "--resume", "again"]);
    assert_eq!(complete.status, Some(status), "{complete:?}");
}

#[test]
fn interrupted_trials_run_again() {
    let bench = Bench::new();
    let endless = format!("{AGENT}{ENDLESS}");
    let guests = [("a", healthy()), ("b", endless), ("c", healthy()), ("d", healthy())];
    matrix(&bench.program, &guests.each_ref().map(|(name, script)| (*name, script.as_str())), "");
    let lab = start(&mut bench.command(&["run", "matrix.yaml", "--out", "runs/it", "--jobs", "1"]));
    let dir = bench.dir("it");
    wait_for(&dir, 1, 8);
    signal(&lab, Signal::INT);
    let stopped = wait(lab);
    assert_eq!(stopped.status, Some(130), "{stopped:?}");
    assert!(stopped.stderr.contains("`oomlab run --resume it` continues it"), "{stopped:?}");
    let not_run = "2 trials not run: mine.riscv64-nommu.32M.idle.guest=c, mine.riscv64-nommu.32M.idle.guest=d\n";
    assert!(stopped.stdout.contains(not_run), "{}", stopped.stdout);
    let interrupted = dir.join("cells/mine.riscv64-nommu.32M.idle.guest=b");
    std::fs::write(interrupted.join("stale"), "").unwrap();
    bench.program.write("b.script", &healthy());
    let resumed = bench.run(&["run", "matrix.yaml", "--resume", "--json", "out.json"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert!(resumed.stderr.contains("resuming runs/it · 1 of 4 trials have ended"), "{resumed:?}");
    assert!(resumed.stdout.contains("4 pass"), "{resumed:?}");
    assert!(!interrupted.join("stale").exists());
    let report = crate::support::guests::read_json(&bench.program.dir().join("out.json"));
    assert_eq!((&report["run"]["resumed"], &report["run"]["not_run"]), (&1.into(), &serde_json::json!([])));
    assert_eq!(report["run"]["exit_code"], 0);
}

/// A guest may take a moment to die: the kernel kills it after it has released the dead lab's locks.
#[test]
fn resumed_run_waits_for_guests_of_the_dead_lab() {
    let bench = Bench::new();
    let endless = format!("{AGENT}{ENDLESS}");
    matrix(&bench.program, &[("a", &endless)], "");
    let mut lab = start(&mut bench.command(&["run", "matrix.yaml", "--out", "runs/it"]));
    let dir = bench.dir("it");
    wait_for(&dir, 0, 8);
    lab.kill().unwrap();
    wait(lab);
    bench.program.write("a.script", &healthy());
    let log = File::create(dir.join("cells/mine.riscv64-nommu.32M.idle.guest=a/qemu.log")).unwrap();
    eventually("the end of the dead guest", || bench.processes().is_empty());
    lock_while_open(&log);
    let mut survivor = Command::new("sleep").arg("3").stdout(log).spawn().unwrap();
    assert_eq!(bench.run(&["run", "--resume", "it"]).status, Some(0));
    assert!(survivor.try_wait().unwrap().is_some(), "the run has waited for it");
    assert_eq!(count_ended(&dir), 1);
}
