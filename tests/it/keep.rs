//! Guests that stay after their verdict: reached and ended by other processes.

use crate::support::kernels;
use crate::support::outside::Running;
use crate::support::program::{Finished, Program, finish, start, wait};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const KERNEL: &str = "linux-7.3";
const ARCH: &str = "riscv64-nommu";

/// A part of the cell's name that no other guest has: those of other labs of this user are listed as well.
const GUEST: &str = "writes=21M";

/// Where a lab that keeps a guest runs, and where its sockets are.
struct Desk {
    program: Program,
    sockets: PathBuf,
}

impl Desk {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = kernels::command(&self.program, args);
        command.env("TMPDIR", &self.sockets);
        command
    }

    fn run(&self, args: &[&str]) -> Finished {
        finish(&mut self.command(args))
    }

    /// The lines of the list, once the lab has told of its guests.
    fn kept(&self, lab: &Running) -> Vec<String> {
        for _ in 0..3000 {
            if lab.output().contains("kept, paused") {
                let list = self.run(&["attach", "--list"]).stdout;
                return list.lines().filter(|line| line.contains(GUEST)).map(str::to_owned).collect();
            }
            assert!(!lab.ends_within(Duration::from_millis(100)), "{}", lab.output());
        }
        panic!("no guest is kept: {}", lab.output());
    }
}

#[test]
fn livelocked_guest_is_kept_reached_and_ended() {
    kernels::kernel(KERNEL, ARCH);
    // A socket's path has a maximum length.
    let sockets = tempfile::Builder::new().prefix("k").tempdir_in("/tmp").unwrap();
    let desk = Desk { program: Program::new(), sockets: sockets.path().to_owned() };
    let cell = ["--kernel", KERNEL, "--arch", ARCH, "--ram", "32M", "--workload", "zombie-victim", "--option", GUEST];
    let boot =
        ["boot", "--out", "run", "--json", "run.json", "--repeat", "2", "--stuck-timeout", "2", "--keep-on", "hang"];
    let lab = Running::start(&mut desk.command(&[&boot, &cell[..]].concat()), desk.program.dir());
    let list = desk.kept(&lab);
    assert!(list.len() == 2 && list.iter().all(|line| line.contains("hang/oom-livelock")), "{list:?}");
    assert!(desk.program.dir().join("run.json").exists(), "the report does not wait for the guests");
    let guest = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    let (first, second) = (guest(&list[0]), guest(&list[1]));

    let mut monitor = start(desk.command(&["attach", &first, "--monitor"]).stdin(Stdio::piped()));
    monitor.stdin.take().unwrap().write_all(b"info status\n").unwrap();
    let status = wait(monitor);
    assert!(status.stdout.contains("VM status: paused"), "{status:?}");

    let gdb = desk.run(&["attach", &first, "--gdb"]);
    let line = shlex::split(gdb.stdout.trim()).unwrap();
    assert_eq!((gdb.status, &*line[0]), (Some(0), "gdb-multiarch"), "{gdb:?}");
    // Without the last command gdb resumes the guest.
    let commands =
        ["-batch", "-nx", "-ex", "info symbol $pc", "-ex", "print sizeof(struct task_struct)", "-ex", "disconnect"];
    let debugger = finish(Command::new(&line[0]).args(&line[1..]).args(commands));
    assert!(debugger.stdout.contains(" in section .text") && debugger.stdout.contains("\n$1 = "), "{debugger:?}");

    // Neither the first one that ends nor an attached monitor keeps the other from ending.
    let ambiguous = desk.run(&["end", GUEST]);
    assert_eq!(ambiguous.status, Some(2), "{ambiguous:?}");
    let ended = desk.run(&["end", &first]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let mut attached = start(desk.command(&["attach", &second, "--monitor"]).stdin(Stdio::piped()));
    let ended = desk.run(&["end", &second]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    drop(attached.stdin.take());
    wait(attached);
    assert!(lab.ends_within(Duration::from_secs(60)), "{}", lab.output());
    let text = lab.output();
    assert_eq!(lab.finish(), Some(1), "boot expects a pass: {text}");
    assert!(text.contains("hang  oom-livelock") && text.contains("kept, paused"), "{text}");
    assert_eq!(files(&desk.sockets), Vec::<PathBuf>::new());
    assert_eq!(desk.run(&["end", GUEST]).status, Some(2));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn without_a_kept_guest_the_remedy_is_named() {
    let none = Program::new().run(["attach", "there-is-no-such-guest"]);
    assert_eq!(none.status, Some(2));
    let remedies = ["no guest is kept: `oomlab boot …", "no kept guest is called"];
    assert!(remedies.iter().any(|remedy| none.stderr.contains(remedy)), "{none:?}");
}
