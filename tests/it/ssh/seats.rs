//! Shells over SSH.

use super::{KERNEL, Lab};
use crate::support::kernels;
use crate::support::outside::Running;
use crate::support::program::{Finished, finish, start, wait};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

fn typed(command: &mut Command, input: &str) -> Finished {
    let mut child = start(command.stdin(Stdio::piped()));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    wait(child)
}

#[test]
fn shell_over_ssh_has_the_exit_status_of_the_script() {
    let lab = Lab::new("x86_64");
    let cell = ["shell", "--image", "debian", "--kernel", KERNEL, "--arch", "x86_64", "--ram", "256M"];
    let mut command = kernels::fetching(&lab.program, &cell);
    let finished = typed(&mut command, "echo $((6 * 7)) $HOSTNAME\nls /no-such-file\ntty || exit 7\n");
    assert_eq!(finished.status, Some(7), "{finished:?}");
    assert_eq!(finished.stdout, "42 debian\nnot a tty\n");
    assert!(finished.stderr.contains("/no-such-file") && finished.stderr.contains("the guest ends"), "{finished:?}");
}

/// The cell of a trial has its test at hand, and a second seat beside the first.
#[test]
fn shell_of_a_trial_has_its_test_and_is_attached_to() {
    let lab = Lab::new("x86_64");
    lab.workload("  run: echo here $word\noptions:\n  word: {type: word, default: none, help: x}\n");
    lab.boot("x86_64", &[]);
    let sockets = tempfile::Builder::new().prefix("k").tempdir_in("/tmp").unwrap();
    let desk = |args: &[&str]| {
        let mut command = kernels::fetching(&lab.program, args);
        command.env("TMPDIR", sockets.path());
        command
    };
    let folder = lab.folder();
    let mut command = desk(&["shell", "--data", ".", folder.to_str().unwrap()]);
    // A standard input that does not end.
    let (input, mut open) = std::io::pipe().unwrap();
    let seat = Running::start(command.stdin(input), lab.program.dir());
    open.write_all(b"oomlab_opt_word=mine ./my-test; echo ready\n").unwrap();
    let is_ready = (0..1200).any(|_| {
        assert!(!seat.ends_within(Duration::from_millis(100)), "{}", seat.output());
        seat.output().contains("here mine\nready")
    });
    assert!(is_ready, "{}", seat.output());
    let second = typed(&mut desk(&["attach", "--ssh", "my-test"]), "echo second; exit 3\n");
    assert_eq!((second.status, second.stdout.as_str()), (Some(3), "second\n"), "{}", second.stderr);
    assert!(second.stderr.contains("ssh -i ") && second.stderr.contains("root@127.0.0.1"), "{}", second.stderr);
    assert_eq!(finish(&mut desk(&["end", "my-test"])).status, Some(0));
    assert!(seat.ends_within(Duration::from_secs(60)), "{}", seat.output());
    assert_eq!(std::fs::read_dir(sockets.path()).unwrap().count(), 0, "nothing stays behind");
}
