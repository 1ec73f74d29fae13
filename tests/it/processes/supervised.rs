//! Commands of bisections: nothing of them outlives a trial, nor the lab.

use super::{eventually, is_alive};
use crate::support::program::{Program, finish, start, wait};
use crate::support::repository::Repository;
use rustix::process::Pid;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Leaves two processes outside of the group and the session: one that ignores signals, and one whose parent is gone. Both are
/// in the file before this ends.
const LEAVE: &str = "leave() {
    (setsid sh -c 'trap \"\" TERM HUP INT; echo $$ >> PIDS; sleep 600; sleep 600' > /dev/null 2>&1 < /dev/null &)
    setsid sh -c '(setsid sh -c \"echo \\$\\$ >> PIDS; sleep 600; true\" &)' &
    before=$1; while test $(wc -l < PIDS) -lt $((before + 2)); do sleep 0.01; done
}
leave $(cat PIDS | wc -l)";

struct Bench {
    program: Program,
    _repository: Repository,
}

impl Bench {
    fn new() -> Self {
        let program = Program::new();
        let repository = Repository::new(&program.dir().join("repository"), 12, 6);
        program.write("pids", "");
        Self { program, _repository: repository }
    }

    fn leave(&self) -> String {
        LEAVE.replace("PIDS", &self.program.dir().join("pids").display().to_string())
    }

    fn bisect(&self, exec: &str, more: &[&str]) -> Command {
        let args = ["bisect", "commits", "--repo", "repository", "--good", "main~8", "--bad", "main", "--exec", exec];
        self.program.command([&args[..], more].concat())
    }

    fn pids(&self) -> Vec<Pid> {
        let text = std::fs::read_to_string(self.program.dir().join("pids")).unwrap();
        text.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap()).collect()
    }

    /// Those that still run.
    fn alive(&self) -> Vec<Pid> {
        self.pids().into_iter().filter(|&pid| is_alive(pid)).collect()
    }
}

#[test]
fn nothing_outlives_a_trial() {
    let bench = Bench::new();
    let exec = format!("{}; test ! -e bug", bench.leave());
    let finished = finish(&mut bench.bisect(&exec, &["--out", "mine"]));
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(bench.pids().len() >= 4 && bench.alive().is_empty(), "{:?} of {:?}", bench.alive(), bench.pids());
    // The next trial uses the worktree.
    let exec = format!("{}; test -e bug && sleep 600; exit 0", bench.leave());
    let finished = finish(&mut bench.bisect(&exec, &["--out", "late", "--timeout", "1"]));
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert_eq!(bench.alive(), []);
}

#[test]
fn nothing_outlives_a_step() {
    let bench = Bench::new();
    for (more, status) in [("exit 0", 0), ("sleep 600", 1), ("exit 7", 1)] {
        let command = format!("{}; {more}", bench.leave());
        let step = ["step", "--rate", "0.9", "--timeout", "1", "sh", "-c", &command];
        let finished = finish(&mut bench.program.command(step));
        assert_eq!(finished.status, Some(status), "{finished:?}");
        assert!(bench.pids().len() >= 2 && bench.alive().is_empty(), "{more}: {:?}", bench.alive());
    }
}

#[test]
fn nothing_outlives_a_killed_lab() {
    let bench = Bench::new();
    let exec = format!("{}; sleep 600", bench.leave());
    let (search, step) = (bench.bisect(&exec, &["--jobs", "2"]), bench.program.command(["step", "sh", "-c", &exec]));
    for (mut command, count) in [(search, 4), (step, 6)] {
        let mut lab = start(&mut command);
        eventually("all processes run", || bench.pids().len() >= count);
        lab.kill().unwrap();
        wait(lab);
        eventually("all processes have ended", || bench.alive().is_empty());
    }
}

/// A supervisor, and its end of the lab's pipe.
fn supervise(dir: &Path, script: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomlab"));
    command.args(["supervise", "sh", "-c", script]).current_dir(dir).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut command, 0).spawn().unwrap()
}

#[test]
fn supervisor_has_the_exit_status_of_its_command() {
    let program = Program::new();
    // `kill 0` is for the command's own processes.
    let group = "trap 'exit 7' TERM; kill -TERM 0; sleep 600 & wait";
    for (script, status) in [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -SEGV $$", 139), (group, 7)] {
        let mut child = supervise(program.dir(), script);
        let pipe = child.stdin.take();
        assert_eq!(wait(child).status, Some(status), "{script}");
        drop(pipe);
    }
    let missing = Command::new(env!("CARGO_BIN_EXE_oomlab"))
        .args(["supervise", "no-such-program"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(wait(missing).status, Some(127));
}
