//! Runs on a real Slurm cluster of two nodes, with scripted guests; [`real`] has real ones, [`scripted`] a client that is a script.

mod failures;
mod interruptions;
mod packs;
mod real;
mod scripted;

use crate::processes::eventually;
use crate::support::cluster::Cluster;
use crate::support::guests::{AGENT, END, FAKE_QEMU, matrix, read_json};
use crate::support::program::{Finished, Program, finish};
use model::{Kind, TrialRecord};
use oomlab::store::RunDir;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// More tasks than any test has.
const MANY: u32 = 1001;

/// A guest that runs until it is killed.
const ENDLESS: &str = "beats 100000 20 moving\n";

/// A program with a cluster.
struct Bench {
    program: Program,
    cluster: Cluster,
}

impl Bench {
    fn new(max_array: u32) -> Self {
        Self { program: Program::new(), cluster: Cluster::start(max_array, 2) }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program.command(args);
        command.env("SLURM_CONF", self.cluster.configuration()).env("OOMLAB_QEMU", FAKE_QEMU);
        command
    }

    fn run(&self, args: &[&str]) -> Finished {
        finish(&mut self.command(args))
    }

    /// The folder of a run below `runs`.
    fn dir(&self, run: &str) -> PathBuf {
        self.program.dir().join("runs").join(run)
    }

    fn trials(&self, run: &str) -> BTreeMap<String, TrialRecord> {
        let record = RunDir::open(&self.dir(run)).unwrap().record().unwrap();
        record.trials.into_iter().map(|trial| (trial.folder(), trial)).collect()
    }

    fn kinds(&self, run: &str) -> BTreeMap<String, Kind> {
        // Beside other tests a guest may be slow.
        let kind =
            |trial: TrialRecord| if trial.verdict.kind == Kind::Slow { Kind::Finished } else { trial.verdict.kind };
        self.trials(run).into_iter().map(|(folder, trial)| (folder, kind(trial))).collect()
    }

    /// Number of trials of a run that have a record.
    fn ended(&self, run: &str) -> usize {
        let cells = self.dir(run).join("cells").read_dir().into_iter().flatten().flatten();
        cells.filter(|cell| cell.path().join("trial.json").is_file()).count()
    }

    /// Waits until this many tasks run guests whose console has said something.
    fn wait_for_guests(&self, run: &str, count: usize) {
        let folder = self.dir(run).join("slurm");
        let consoles = || {
            let files = crate::processes::walk(&folder).into_iter().filter(|path| path.ends_with("console.log"));
            files.filter(|path| path.metadata().is_ok_and(|data| data.len() > 0)).count()
        };
        eventually("guests on nodes", || consoles() >= count);
    }

    /// Processes that this bench has started: all have its folder on their command line.
    fn processes(&self) -> Vec<String> {
        crate::resume::processes_of(self.program.dir())
    }
}

fn healthy() -> String {
    format!("{AGENT}{END}")
}

fn endless() -> String {
    format!("{AGENT}{ENDLESS}")
}

#[test]
fn arrays_run_a_matrix_as_this_host_does() {
    let bench = Bench::new(5);
    let panic = "say [    0.0] Linux version 6.1.0\n\
        say [    1.500000] Kernel panic - not syncing: Fatal exception\nevent SHUTDOWN guest-reset\nexit 0\n";
    let healthy = healthy();
    let names: Vec<String> = (0..10).map(|number| format!("g{number}")).collect();
    let guests: Vec<(&str, &str)> =
        (0..).zip(&names).map(|(at, name)| (name.as_str(), if at % 3 == 2 { panic } else { &healthy })).collect();
    matrix(&bench.program, &guests, "");
    let here = bench.run(&["run", "matrix.yaml", "--out", "runs/here"]);
    assert_eq!(here.status, Some(1), "{here:?}");
    let there = bench.run(&["run", "matrix.yaml", "--out", "runs/there", "--executor", "slurm", "--json", "out.json"]);
    assert_eq!(there.status, Some(1), "{there:?}");
    assert_eq!(bench.kinds("there"), bench.kinds("here"));
    let nodes: BTreeSet<String> = bench.trials("there").into_values().filter_map(|trial| trial.node).collect();
    assert_eq!(nodes.into_iter().collect::<Vec<_>>(), ["n1", "n2"]);
    assert_eq!(bench.cluster.arrays(), 2, "an array has at most 5 tasks");
    assert!(!bench.dir("there").join("slurm").exists());
    assert_eq!(read_json(&bench.program.dir().join("out.json"))["run"]["exit_code"], 1);
    assert!(there.stderr.contains("matrix · 10 cells · on Slurm · TCG on all nodes"), "{}", there.stderr);
}

#[test]
fn jobs_limit_tasks_at_a_time() {
    let bench = Bench::new(MANY);
    matrix(&bench.program, &[("a", &healthy()), ("b", &healthy()), ("c", &healthy())], "");
    let run = bench.run(&["run", "matrix.yaml", "--out", "runs/it", "--executor", "slurm", "--jobs", "1"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(bench.cluster.arrays(), 3, "one after the other: {}", run.stderr);
}
