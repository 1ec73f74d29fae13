//! The program's processes: signals, guests that must not outlive it, several programs at once.

mod hangups;
mod supervised;

use crate::support::guests;
use crate::support::program;

use guests::{AGENT, END, HEALTHY, RUN, boot_args, lab, matrix, read_json, run_dir, run_dirs};
use program::{Program, finish, start, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A guest that runs until it is killed.
const ENDLESS: &str = "say [    0.000000] Linux version 6.1.0\nhang\n";

/// A guest that only SIGKILL ends.
const IGNORES_TERM: &str = "ignore-term\nsay [    0.000000] Linux version 6.1.0\nhang\n";

/// Waits until `condition` holds; what does not come within a minute never comes.
#[expect(clippy::disallowed_methods, reason = "other processes are watched from outside, with a deadline")]
pub(super) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "timeout waiting for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The process id of the guest that a run in progress has begun, once it has said something.
fn guest_pid(program: &Program) -> Pid {
    let mut pid = None;
    eventually("a guest", || {
        let trials = program.dir().join("runs");
        let heads = walk(&trials).into_iter().filter(|path| path.ends_with("events.jsonl"));
        pid = heads.filter_map(|path| std::fs::read_to_string(path).ok()).find_map(|text| {
            let mut events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let pid = events.find(|event| event["event"] == "spawned")?["pid"].as_i64()?;
            events.any(|event| event["event"] == "line").then_some(pid)
        });
        pid.is_some()
    });
    Pid::from_raw(pid.unwrap().try_into().unwrap()).unwrap()
}

pub(super) fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Whether a process runs; one that has ended and waits for its parent does not.
pub(super) fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub(super) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn first_interrupt_keeps_finished_results() {
    let program = Program::new();
    let quick = format!("{AGENT}{END}");
    matrix(&program, &[("a-quick", &quick), ("b-endless", &format!("{AGENT}beats 10000 100 moving\n"))], "");
    let child =
        start(&mut program.command(RUN.iter().chain(&["--jobs", "1", "--json", "out.json", "--out", "runs/it"])));
    let second = program.dir().join("runs/it/cells/mine.riscv64-nommu.32M.idle.guest=b-endless/console.log");
    eventually("the second guest", || second.metadata().is_ok_and(|data| data.len() > 0));
    signal(&child, Signal::INT);
    let finished = wait(child);
    assert_eq!(finished.status, Some(130), "{finished:?}");
    assert!(finished.stderr.contains("stopping; finished results are kept"), "{}", finished.stderr);
    assert!(finished.stdout.contains("interrupted after 2 of 2 trials"), "{}", finished.stdout);
    let document = read_json(&program.dir().join("out.json"));
    let kinds: Vec<_> = document["cells"].as_array().unwrap().iter().map(|cell| cell["kind"].clone()).collect();
    assert_eq!(kinds, ["finished", "interrupted"]);
}

#[test]
fn the_second_interrupt_ends_at_once_and_leaves_no_guest() {
    let program = lab();
    let mut child = start(&mut program.command(boot_args(&program, IGNORES_TERM)));
    let guest = guest_pid(&program);
    signal(&child, Signal::INT);
    // The second must come well after the first: two at once are one.
    let taken = |text: &str| text.contains("\"interrupted\"");
    let events = run_dir(&program).join("cells/kernel.riscv64-nommu.32M.initrd/events.jsonl");
    eventually("the first signal", || std::fs::read_to_string(&events).is_ok_and(|text| taken(&text)));
    eventually("the program's end", || {
        signal(&child, Signal::INT);
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(wait(child).status, Some(130));
    eventually("the guest's end", || !is_alive(guest));
}

/// timeout(1) signals its child and its child's group.
#[test]
fn two_signals_at_once_keep_finished_results() {
    let program = lab();
    let args = [boot_args(&program, ENDLESS), vec!["--json".to_owned(), "out.json".to_owned()]].concat();
    let child = start(&mut program.command(args));
    guest_pid(&program);
    (0..3).for_each(|_| signal(&child, Signal::TERM));
    let finished = wait(child);
    assert_eq!(finished.status, Some(130), "{finished:?}");
    assert_eq!(read_json(&program.dir().join("out.json"))["cells"][0]["kind"], "interrupted");
    assert_eq!(read_json(&run_dir(&program).join("run.json"))["finished"], true);
}

#[test]
fn killed_worker_is_a_fault_of_its_trial_alone() {
    let program = Program::new();
    let endless = format!("{AGENT}beats 10000 100 moving\n");
    matrix(&program, &[("endless", &endless), ("quick", &format!("{AGENT}{END}"))], "");
    let more = ["--jobs", "1", "--executor", "process", "--out", "runs/it"];
    let child = start(&mut program.command(RUN.iter().chain(&more)));
    let console = program.dir().join("runs/it/cells/mine.riscv64-nommu.32M.idle.guest=endless/console.log");
    eventually("the first guest", || console.metadata().is_ok_and(|data| data.len() > 0));
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    let workers = children.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap());
    workers.for_each(|worker| kill_process(worker, Signal::KILL).unwrap());
    let finished = wait(child);
    assert_eq!(finished.status, Some(3), "{finished:?}");
    assert!(finished.stdout.contains("1 pass · 1 unexpected lab-error"), "{finished:?}");
    assert!(finished.stdout.contains("(SIGKILL) and no record"), "{finished:?}");
}

#[test]
fn missing_folder_for_temporary_files_is_replaced() {
    let program = lab();
    let finished = finish(program.command(boot_args(&program, HEALTHY)).env("TMPDIR", "/nonexistent"));
    assert_eq!(finished.status, Some(0), "{finished:?}");
}

#[test]
fn file_size_limit_is_an_error_with_a_place() {
    let program = lab();
    let text = format!("{AGENT}{}{END}", "say a line of some length that fills the console\n".repeat(2000));
    let lab = program.command(boot_args(&program, &text));
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -f 16; exec \"$0\" \"$@\""]).arg(lab.get_program()).args(lab.get_args());
    shell.current_dir(program.dir()).env_clear();
    shell.envs(lab.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let finished = finish(&mut shell);
    assert_eq!(finished.status, Some(3), "{finished:?}");
    assert!(format!("{finished:?}").contains("File too large"), "{finished:?}");
}

#[test]
fn an_interrupt_while_kernels_are_fetched_ends_that_too() {
    let program = Program::new();
    program.write("matrix.yaml", "axes: {kernel: debian-6.1, arch: arm, ram: 128M, workload: idle}\n");
    // Port 9 of this host has no listener: apt retries for a while.
    let child = start(&mut program.command(RUN.iter().chain(&["--mirror", "http://127.0.0.1:9", "--out", "runs/it"])));
    let fetching = program.dir().join("cache/apt");
    eventually("apt", || fetching.exists());
    signal(&child, Signal::INT);
    let finished = wait(child);
    assert_eq!(finished.status, Some(130), "{finished:?}");
    assert!(finished.stdout.contains("interrupted after 0 of 1 trial"), "{}", finished.stdout);
    assert_eq!(read_json(&program.dir().join("runs/it/run.json"))["interrupted"], true);
}

#[test]
fn sigterm_and_sighup_stop_a_run_like_an_interrupt() {
    for which in [Signal::TERM, Signal::HUP] {
        let program = lab();
        let child = start(&mut program.command(boot_args(&program, ENDLESS)));
        let guest = guest_pid(&program);
        signal(&child, which);
        assert_eq!(wait(child).status, Some(130));
        assert!(!is_alive(guest), "it was ended before the program");
    }
}

#[test]
fn a_killed_program_leaves_no_guest_and_a_record_that_can_be_read() {
    let program = lab();
    let mut child = start(&mut program.command(boot_args(&program, IGNORES_TERM)));
    let guest = guest_pid(&program);
    assert!(is_alive(guest));
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    eventually("the guest's end", || !is_alive(guest));
    let folder = run_dir(&program);
    let events =
        oomlab::store::read_events(&folder.join("cells/kernel.riscv64-nommu.32M.initrd/events.jsonl")).unwrap();
    assert!(events.len() >= 2);
    assert_eq!(read_json(&folder.join("run.json"))["finished"], false);
    assert_eq!(program.run(boot_args(&program, HEALTHY)).status, Some(0), "the next run is not disturbed");
}

#[test]
fn two_runs_at_once_get_folders_of_their_own() {
    let program = lab();
    let args = boot_args(&program, HEALTHY);
    let children = [start(&mut program.command(&args)), start(&mut program.command(&args))];
    for child in children {
        let finished = wait(child);
        assert_eq!(finished.status, Some(0), "{finished:?}");
    }
    let runs = run_dirs(&program);
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!(read_json(&run.join("run.json"))["finished"], true);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let program = Program::new();
    let mut child = start(&mut program.command(["schema"]));
    drop(child.stdout.take());
    assert_eq!(wait(child).status, Some(0));
}
