//! Signals that the program's parent ignores, and terminals that close.

use super::{ENDLESS, IGNORES_TERM, eventually, guest_pid, is_alive, signal};
use crate::support::guests;
use crate::support::program;

use guests::{boot_args, lab, read_json, run_dir};
use program::{Program, start, wait};
use rustix::process::Signal;
use std::process::{Command, Stdio};

/// A guest that lives long enough to receive a signal, and ends by itself.
const BRIEF: &str = "say [    0.000000] Linux version 6.1.0\nsleep 3000\nsay all is well\n\
    event SHUTDOWN guest-shutdown\nexit 0\n";

const CELL: &str = "cells/kernel.riscv64-nommu.32M.initrd";

/// The program's command line behind `words`.
fn behind(words: &[&str], program: &Program, script: &str) -> Command {
    let inner = program.command(boot_args(program, script));
    let mut outer = Command::new(words[0]);
    outer.args(&words[1..]).arg(inner.get_program()).args(inner.get_args()).current_dir(program.dir());
    outer.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    outer
}

#[test]
fn ignored_signals_stay_ignored() {
    for (words, which) in [
        (&["nohup"][..], Signal::HUP),
        (&["sh", "-c", "trap '' INT; exec \"$@\"", "sh"], Signal::INT),
        (&["sh", "-c", "trap '' TERM; exec \"$@\"", "sh"], Signal::TERM),
    ] {
        let program = lab();
        let child = start(&mut behind(words, &program, BRIEF));
        guest_pid(&program);
        signal(&child, which);
        let finished = wait(child);
        assert_eq!(finished.status, Some(0), "{which:?}: {finished:?}");
        assert!(finished.stdout.contains("1 pass"), "{which:?}: {finished:?}");
    }
}

#[test]
fn signals_that_are_not_ignored_still_end_the_run() {
    let program = lab();
    let child = start(&mut behind(&["nohup"], &program, ENDLESS));
    guest_pid(&program);
    signal(&child, Signal::INT);
    assert_eq!(wait(child).status, Some(130));
}

/// The shell of a terminal that closes sends one, the kernel another.
#[test]
fn second_hangup_loses_no_result() {
    let program = lab();
    let child = start(&mut program.command(boot_args(&program, IGNORES_TERM)));
    let guest = guest_pid(&program);
    signal(&child, Signal::HUP);
    let events = run_dir(&program).join(CELL).join("events.jsonl");
    eventually("the first signal", || {
        std::fs::read_to_string(&events).is_ok_and(|text| text.contains("\"interrupted\""))
    });
    signal(&child, Signal::HUP);
    assert_eq!(wait(child).status, Some(130));
    assert!(!is_alive(guest), "it was ended before the program");
    assert_eq!(read_json(&run_dir(&program).join(CELL).join("trial.json"))["verdict"]["kind"], "interrupted");
}

/// `script` of util-linux has the other end of a terminal, which closes with it.
#[test]
fn closed_terminal_ends_the_run_like_an_interrupt() {
    let probe = Command::new("script").args(["-qec", "true", "/dev/null"]).stdin(Stdio::null()).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("skipped: `script` is missing or can get no terminal here");
        return;
    }
    let program = lab();
    let args = boot_args(&program, ENDLESS);
    let words = [env!("CARGO_BIN_EXE_oomlab")].into_iter().chain(args.iter().map(String::as_str));
    let line = format!("exec {}", shlex::try_join(words).unwrap());
    let inner = program.command(&args);
    let mut outer = Command::new("script");
    outer.args(["-qec", &line, "/dev/null"]).current_dir(program.dir()).env_clear().stdin(Stdio::null());
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer.env("TERM", "xterm").env("SHELL", "/bin/sh");
    let mut terminal = start(&mut outer);
    let guest = guest_pid(&program);
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    let run = run_dir(&program).join("run.json");
    eventually("the end of the run", || {
        std::fs::read_to_string(&run).is_ok_and(|text| text.contains("\"interrupted\": true"))
    });
    assert!(!is_alive(guest), "it was ended before the program");
    assert_eq!(read_json(&run_dir(&program).join(CELL).join("trial.json"))["verdict"]["kind"], "interrupted");
}
