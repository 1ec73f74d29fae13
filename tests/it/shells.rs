//! A guest with a shell, for a person.

use crate::support::kernels;
use crate::support::outside::Running;
use crate::support::program::{Finished, Program, start, wait};
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

/// Types `input` into the shell of a guest.
fn typed(program: &Program, args: &[&str], input: &str) -> Finished {
    let mut command = kernels::fetching(program, &[&["shell"], args].concat());
    let mut child = start(command.stdin(Stdio::piped()));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    wait(child)
}

#[test]
fn shell_without_an_mmu_runs_the_workload() {
    kernels::kernel("linux-7.3", "riscv64-nommu");
    let cell = ["--kernel", "linux-7.3", "--arch", "riscv64-nommu", "--ram", "32M", "--workload", "anon-hog"];
    let finished = typed(&Program::new(), &cell, "ps\nanon-hog\necho done > /done\ncat /done\nno-such-program\n");
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    let out = &finished.stdout;
    assert!(out.contains("1 (init) S") && out.contains("\ndone"), "{out}");
    assert!(out.contains("Out of memory: Killed process") && out.contains("no-such-program: error 2"), "{out}");
    assert!(!out.contains("@oomlab 0 "), "frames are for the lab: {out}");
    assert!(finished.stderr.contains("the guest has ended"), "{}", finished.stderr);
}

#[test]
fn shell_is_busybox_where_debian_is() {
    kernels::kernel("debian-6.1", "x86_64");
    let cell = ["--kernel", "debian-6.1", "--arch", "x86_64", "--ram", "128M"];
    let finished = typed(&Program::new(), &cell, "uname -m\nidle && echo idle=$?\nls /workloads | tr a-z A-Z\n");
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    let out = &finished.stdout;
    assert!(out.contains("\nx86_64") && out.contains("idle=0") && out.contains("IDLE"), "{out}");
}

#[test]
fn guest_of_a_shell_is_reached_and_ends_with_it() {
    kernels::kernel("linux-7.3", "riscv64-nommu");
    let (program, sockets) = (Program::new(), tempfile::Builder::new().prefix("k").tempdir_in("/tmp").unwrap());
    let desk = |args: &[&str]| {
        let mut command = kernels::command(&program, args);
        command.env("TMPDIR", sockets.path());
        command
    };
    let cell = ["--kernel", "linux-7.3", "--arch", "riscv64-nommu", "--ram", "32M"];
    let mut command = desk(&[&["shell"], &cell[..]].concat());
    // A standard input that does not end.
    let (input, _open) = std::io::pipe().unwrap();
    let lab = Running::start(command.stdin(input), program.dir());
    let is_ready = (0..1200).any(|_| {
        assert!(!lab.ends_within(Duration::from_millis(100)), "{}", lab.output());
        lab.output().contains("oomlab: shell")
    });
    assert!(is_ready, "{}", lab.output());
    let run = |args: &[&str]| crate::support::program::finish(&mut desk(args));
    let list = run(&["attach", "--list"]).stdout;
    assert!(list.contains("linux-7.3.riscv64-nommu.32M.idle  a shell"), "{list}");
    let busy = run(&["attach"]);
    assert!(busy.stderr.contains("another terminal is attached to its console"), "{}", busy.stderr);
    let gdb = run(&["attach", "--gdb"]);
    assert!(gdb.stdout.starts_with("gdb-multiarch ") && gdb.stdout.contains("/gdb'"), "{}{}", gdb.stdout, gdb.stderr);
    assert_eq!(run(&["end"]).status, Some(0));
    assert!(lab.ends_within(Duration::from_secs(60)), "{}", lab.output());
    assert_eq!(std::fs::read_dir(sockets.path()).unwrap().count(), 0, "nothing stays behind");
}

#[test]
fn qemu_that_does_not_start_is_an_error() {
    kernels::kernel("linux-7.3", "riscv64-nommu");
    let cell = ["--kernel", "linux-7.3", "--arch", "riscv64-nommu", "--qemu-arg=-no-such-option"];
    let finished = typed(&Program::new(), &cell, "");
    assert_eq!(finished.status, Some(3), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("QEMU exited") && finished.stderr.contains("no-such-option"),
        "{}",
        finished.stderr
    );
}
