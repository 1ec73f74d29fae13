//! `oomlab watch`: guests that the lab did not plan, scripted ones here.

use crate::support::guests;
use crate::support::program;

use guests::{AGENT, FAKE_QEMU, read_json};
use program::{Finished, Program, finish, start, wait};
use serde_json::Value;
use std::process::{Command, Stdio};

const PANIC: &str = "say [    0.000000] Linux version 6.1.0\n\
    say [    0.700000] Kernel panic - not syncing: sysrq triggered crash\ndown guest-reset\n";

fn trial(program: &Program) -> Value {
    read_json(&program.dir().join("run/cells/watched/trial.json"))
}

fn verdict(program: &Program) -> (String, String) {
    let trial = trial(program);
    let word = |key: &str| trial["verdict"][key].as_str().unwrap_or_default().to_owned();
    (word("kind"), word("summary"))
}

/// A user's own QEMU under the lab's eyes.
fn watch_own(program: &Program, script: &str) -> Finished {
    let append = format!("fake_script={}", program.write("guest.script", script).display());
    program.run(["watch", "--arch", "riscv64", "--out", "run", "--", FAKE_QEMU, "-nographic", "-append", &append])
}

#[test]
fn a_users_own_qemu_is_started_listened_to_and_judged() {
    let program = Program::new();
    let finished = watch_own(&program, PANIC);
    assert_eq!(finished.status, Some(1), "{finished:?}");
    assert_eq!(verdict(&program).0, "panic");
    assert!(program.dir().join("run/cells/watched/bundle/registers.txt").is_file());
    assert!(!finished.stdout.contains("repro"), "a watched guest cannot be booted again: {}", finished.stdout);
    let again = program.run(["repro", "run/watched"]);
    assert!(again.status == Some(2) && again.stderr.contains("only watched"), "{again:?}");
    let bundle = program.run(["bundle", "run/watched"]);
    assert!(bundle.status == Some(2) && bundle.stderr.contains("only watched"), "{bundle:?}");
}

#[test]
fn a_qemu_that_runs_is_judged_and_left_alone() {
    let program = Program::new();
    let script = format!(
        "{AGENT}spin on\nsay [    0.564737] Out of memory: Killed process 26 (hog) total-vm:6228kB\nbeats 1000 200 stuck\nhang\n"
    );
    let append = format!("fake_script={}", program.write("guest.script", &script).display());
    let socket = |id: &str| format!("socket,id={id},path={},server=on", program.dir().join(id).display());
    let mut qemu = Command::new(FAKE_QEMU);
    let words = ["-append", &append, "-chardev", &socket("serial0"), "-chardev", &socket("qmp0")];
    let mut qemu = qemu.args(words).stdin(Stdio::null()).spawn().unwrap();
    let open = || ["serial0", "qmp0"].iter().all(|socket| program.dir().join(socket).exists());
    (0..6000).take_while(|_| !open()).for_each(|_| oomlab::host::pause(std::time::Duration::from_millis(10)));
    let finished = program.run(["watch", "--serial", "serial0", "--qmp", "qmp0", "--arch", "riscv64", "--out", "run"]);
    let alive = qemu.try_wait().unwrap().is_none();
    qemu.kill().unwrap();
    qemu.wait().unwrap();
    assert_eq!(finished.status, Some(1), "{finished:?}");
    assert_eq!(verdict(&program).0, "oom-livelock");
    assert_eq!(trial(&program)["verdict"]["victim"]["pid"], 26);
    assert!(alive, "the lab ends no guest that it did not start");
    let bundle = read_json(&program.dir().join("run/cells/watched/bundle.json"));
    let steps = bundle["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["step"]["sysrq"] == "m" && step["result"] == "done"), "{steps:?}");
}

fn watch_stream(program: &Program, text: &str) -> Finished {
    let console = program.write("console", text);
    let mut command = program.command(["watch", "--out", "run"]);
    command.stdin(std::fs::File::open(console).unwrap());
    finish(&mut command)
}

#[test]
fn a_console_on_standard_input_is_judged() {
    let program = Program::new();
    let lockup =
        "[    0.000000] Linux version 6.1.0\n[   30.000000] BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]\n";
    // A log without arrival times has no host clock: the kernel's report counts.
    let finished = watch_stream(&program, lockup);
    assert_eq!((finished.status, verdict(&program).0.as_str()), (Some(1), "soft-lockup"), "{finished:?}");

    let program = Program::new();
    let finished = watch_stream(&program, "[    0.000000] Linux version 6.1.0\nall is well\n");
    let (kind, summary) = verdict(&program);
    assert_eq!((finished.status, kind.as_str()), (Some(1), "interrupted"), "{summary}");
    assert!(summary.contains("nothing had been wrong"), "{summary}");
}

#[test]
fn program_that_runs_no_guest_is_no_pass() {
    let program = Program::new();
    let finished = wait(start(&mut program.command(["watch", "--out", "run", "--", "true"])));
    let (kind, summary) = verdict(&program);
    assert_eq!((finished.status, kind.as_str()), (Some(3), "qemu-failed"), "{finished:?}");
    assert!(summary.contains("ran no guest"), "{summary}");
}

#[test]
fn watch_rejects_bad_arguments() {
    let program = Program::new();
    program.write("file", "");
    for (args, said) in [
        (vec!["watch", "--serial", "file"], "file is no unix socket"),
        (vec!["watch", "--serial", "gone"], "gone is no unix socket"),
        (vec!["watch", "--qmp", "file"], "--serial"),
        (vec!["watch", "--arch", "vax"], "invalid value 'vax' for '--arch"),
        (vec!["watch", "--kernel", "gone"], "gone"),
        (vec!["watch", "--system-map", "gone"], "cannot read gone"),
        (vec!["watch", "--", FAKE_QEMU, "-daemonize"], "`-daemonize` detaches QEMU from the lab"),
        (vec!["watch", "--", FAKE_QEMU, "--timeout", "5"], "`--timeout` is an option of the lab"),
    ] {
        let finished = wait(start(&mut program.command(&args)));
        assert_eq!(finished.status, Some(2), "{args:?}: {finished:?}");
        assert!(finished.stderr.contains(said), "{args:?}: {}", finished.stderr);
    }
    assert!(!program.dir().join("runs").exists(), "nothing was begun");
}
