//! Guests that stay after their verdict: reached and ended by other processes.

use crate::support::kernels;
use crate::support::program::{Finished, Program, finish, start, wait};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KERNEL: &str = "linux-7.3";
const ARCH: &str = "riscv64-nommu";

/// A lab that keeps a livelocked guest. Its cell is no other's: guests of other labs of this user are listed as well.
struct Kept {
    program: Program,
    sockets: PathBuf,
}

impl Kept {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = kernels::command(&self.program, args);
        command.env("TMPDIR", &self.sockets);
        command
    }

    fn run(&self, args: &[&str]) -> Finished {
        finish(&mut self.command(args))
    }

    /// Waits for what a command prints.
    fn until(&self, args: &[&str], done: impl Fn(&Finished) -> bool) -> Finished {
        let deadline = Instant::now() + Duration::from_secs(300);
        loop {
            let finished = self.run(args);
            if done(&finished) {
                return finished;
            }
            assert!(Instant::now() < deadline, "{finished:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        self.sockets.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

/// A program that is killed if the test fails. Its guests end with it.
struct Ended(Option<Child>);

impl Ended {
    fn wait(mut self) -> Finished {
        wait(self.0.take().unwrap())
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn livelocked_guest_is_kept_reached_and_ended() {
    kernels::kernel(KERNEL, ARCH);
    // A socket's path has a maximum length.
    let sockets = tempfile::Builder::new().prefix("k").tempdir_in("/tmp").unwrap();
    let kept = Kept { program: Program::new(), sockets: sockets.path().to_owned() };
    let cell = ["--kernel", KERNEL, "--arch", ARCH, "--ram", "32M", "--workload", "zombie-victim"];
    let option = ["--option", "writes=21M", "--stuck-timeout", "2", "--keep-on", "hang"];
    let lab = Ended(Some(start(&mut kept.command(&[&["boot", "--out", "run"], &cell[..], &option].concat()))));
    let list = kept.until(&["attach", "--list"], |listed| listed.stdout.contains("writes=21M"));
    assert!(list.stdout.contains("hang/oom-livelock"), "{list:?}");

    let mut monitor = kept.command(&["attach", "writes=21M", "--monitor"]);
    monitor.stdin(Stdio::piped());
    let mut monitor = start(&mut monitor);
    std::io::Write::write_all(&mut monitor.stdin.take().unwrap(), b"info status\n").unwrap();
    let status = wait(monitor);
    assert!(status.stdout.contains("VM status: paused"), "{status:?}");

    let gdb = kept.run(&["attach", "writes=21M", "--gdb"]);
    let line = shlex::split(gdb.stdout.trim()).unwrap();
    assert_eq!((gdb.status, &*line[0], &*line[2]), (Some(0), "gdb-multiarch", "-ex"), "{gdb:?}");
    // Without the last one gdb resumes the guest.
    let arguments = ["-batch", "-nx", "-ex", "info symbol $pc", "-ex", "disconnect"];
    let debugger = finish(Command::new(&line[0]).args(&line[1..]).args(arguments));
    assert!(debugger.stdout.contains(" in section .text"), "{debugger:?}");

    let ended = kept.run(&["end", "writes=21M"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let lab = lab.wait();
    assert_eq!(lab.status, Some(1), "boot expects a pass: {lab:?}");
    assert!(lab.stdout.contains("hang/oom-livelock") || lab.stdout.contains("hang  oom-livelock"), "{lab:?}");
    assert_eq!(kept.files(), Vec::<PathBuf>::new());
    let none = kept.run(&["end", "writes=21M"]);
    assert_eq!(none.status, Some(2), "{none:?}");
}

#[test]
fn without_a_kept_guest_the_remedy_is_named() {
    let program = Program::new();
    let none = program.run(["attach", "there-is-no-such-guest"]);
    assert_eq!(none.status, Some(2));
    assert!(
        none.stderr.contains("no guest is kept: `oomlab boot …") || none.stderr.contains("no kept guest is called"),
        "{none:?}"
    );
}
