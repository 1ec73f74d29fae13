//! A client of Slurm that is a script: answers that a cluster does not give on request.

use super::{endless, healthy};
use crate::processes::{eventually, walk};
use crate::support::guests::{FAKE_QEMU, matrix};
use crate::support::program::{Finished, Program, finish, start, wait};
use model::Kind;
use oomlab::store::RunDir;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const CLIENT: &str = include_str!("client.sh");

const RUN: [&str; 6] = ["run", "matrix.yaml", "--out", "runs/it", "--executor", "slurm"];

/// A program with such a client.
struct Scripted {
    program: Program,
}

impl Scripted {
    fn new(guests: &[(&str, &str)]) -> Self {
        let program = Program::new();
        for name in ["sbatch", "squeue", "scancel", "scontrol"] {
            let path = program.write(&format!("bin/{name}"), CLIENT);
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        program.write("state/log", "");
        matrix(&program, guests, "");
        Self { program }
    }

    fn switch(&self, name: &str, value: &str) {
        self.program.write(&format!("state/{name}"), value);
    }

    fn with_client(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.program.dir().join("bin").display()));
        command.env("FAKE_SLURM", self.program.dir().join("state")).env("OOMLAB_QEMU", FAKE_QEMU);
        command
    }

    fn command(&self, args: &[&str]) -> Command {
        self.with_client(self.program.command(args))
    }

    fn run(&self, args: &[&str]) -> Finished {
        finish(&mut self.command(args))
    }

    fn dir(&self) -> PathBuf {
        self.program.dir().join("runs/it")
    }

    /// Kinds of the run's verdicts.
    fn kinds(&self) -> Vec<Kind> {
        let trials = RunDir::open(&self.dir()).unwrap().record().unwrap().trials;
        // Beside other tests a guest may be slow.
        let kinds = trials.into_iter().map(|trial| trial.verdict.kind);
        kinds.map(|kind| if kind == Kind::Slow { Kind::Finished } else { kind }).collect()
    }

    /// The commands and ends of tasks so far.
    fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.program.dir().join("state/log")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Numbers of tasks of the arrays that `sbatch` was given.
    fn arrays(&self) -> Vec<u32> {
        let last = |line: &String| line.split_once("--array=0-")?.1.split(' ').next()?.parse::<u32>().ok();
        self.log().iter().filter_map(last).map(|last| last + 1).collect()
    }
}

#[test]
fn array_that_sbatch_did_not_confirm_is_adopted() {
    let scripted = Scripted::new(&[("a", &healthy()), ("b", &healthy())]);
    scripted.switch("times-out", "");
    let run = scripted.run(&RUN);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stderr.contains("Socket timed out on send/recv operation"), "{}", run.stderr);
    assert_eq!(scripted.arrays(), [2], "it is not submitted again");
    assert_eq!(scripted.kinds(), [Kind::Finished; 2]);
    assert!(!scripted.dir().join("slurm").exists());
}

#[test]
fn list_that_fails_once_does_not_end_the_run() {
    let scripted = Scripted::new(&[("a", &healthy())]);
    scripted.switch("fails", "slurm_load_jobs error: Protocol authentication error\n");
    let run = scripted.run(&RUN);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stderr.contains("Protocol authentication error; trying again"), "{}", run.stderr);
    assert_eq!(scripted.kinds(), [Kind::Finished]);
}

#[test]
fn run_whose_jobs_are_under_another_path_is_not_resumed() {
    let scripted = Scripted::new(&[("a", &endless())]);
    let mut lab = start(&mut scripted.command(&RUN));
    let runs = |line: &String| line.starts_with("squeue");
    eventually("a list of the tasks", || scripted.log().iter().any(runs));
    lab.kill().unwrap();
    wait(lab);
    std::fs::rename(scripted.dir(), scripted.program.dir().join("runs/moved")).unwrap();
    let resume = ["run", "--resume", "moved", "--executor", "slurm"];
    let refused = scripted.run(&resume);
    let text = &refused.stderr;
    assert!(
        refused.status == Some(3) && text.contains("the run was started as ") && text.contains("1_0"),
        "{refused:?}"
    );
    let mut cancel = scripted.with_client(Command::new(scripted.program.dir().join("bin/scancel")));
    assert_eq!(finish(cancel.arg("1")).status, Some(0));
    eventually("the end of the task", || scripted.log().iter().any(|line| line == "end 1_0"));
}

#[test]
fn arrays_shrink_to_what_slurm_takes() {
    let scripted = Scripted::new(&[("a", &healthy()), ("b", &healthy()), ("c", &healthy())]);
    scripted.switch("limit", "1");
    let run = scripted.run(&RUN);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stderr.contains("Job violates accounting/QOS policy"), "{}", run.stderr);
    let arrays = scripted.arrays();
    assert_eq!(arrays.iter().filter(|tasks| **tasks == 1).count(), 3, "{arrays:?}");
    assert_eq!(scripted.kinds(), [Kind::Finished; 3]);
}

#[test]
fn array_without_its_file_is_followed() {
    let scripted = Scripted::new(&[("a", &healthy())]);
    scripted.switch("array-json", "");
    let run = scripted.run(&RUN);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.stderr.contains("array.json"), "{}", run.stderr);
    assert_eq!((scripted.arrays(), scripted.kinds()), (vec![1], vec![Kind::Finished]));
}

#[test]
fn resumed_run_waits_for_tasks_that_complete() {
    let scripted = Scripted::new(&[("a", &endless())]);
    let mut lab = start(&mut scripted.command(&RUN));
    let has_said_something =
        |path: &PathBuf| path.ends_with("console.log") && path.metadata().is_ok_and(|data| data.len() > 0);
    eventually("a guest", || walk(&scripted.dir().join("slurm")).iter().any(has_said_something));
    lab.kill().unwrap();
    wait(lab);
    scripted.program.write("a.script", &healthy());
    // Its worker gets the signal later, and Slurm calls it completing at once.
    scripted.switch("delay", "2");
    let mut cancel = scripted.with_client(Command::new(scripted.program.dir().join("bin/scancel")));
    assert_eq!(finish(cancel.arg("1")).status, Some(0));
    let resumed = scripted.run(&["run", "--resume", "it", "--executor", "slurm"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    let log = scripted.log();
    let end = log.iter().position(|line| line == "end 1_0").unwrap();
    let second = log.iter().rposition(|line| line.starts_with("sbatch")).unwrap();
    assert!(end < second, "{log:?}");
    assert_eq!((scripted.arrays().len(), scripted.kinds()), (2, vec![Kind::Finished]));
}
