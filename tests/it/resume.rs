//! Runs that are stopped, killed and resumed, with scripted guests; [`real`] has real ones.

mod kills;
mod real;
mod refusals;
mod reruns;

use crate::processes::{eventually, is_alive, walk};
use crate::support::guests::{AGENT, END, FAKE_QEMU, read_json};
use crate::support::program::{Finished, Program, finish};
use model::{Kind, TrialRecord};
use oomlab::store::{RunDir, read_trial};
use rustix::process::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A guest that runs until it is killed.
const ENDLESS: &str = "beats 100000 20 moving\n";

/// A program with a temporary folder of its own.
struct Bench {
    program: Program,
    temporary: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let program = Program::new();
        let temporary = program.dir().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        Self { program, temporary }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program.command(args);
        command.env("TMPDIR", &self.temporary).env("OOMLAB_QEMU", FAKE_QEMU);
        command
    }

    fn run(&self, args: &[&str]) -> Finished {
        finish(&mut self.command(args))
    }

    /// The folder of a run below `runs`.
    fn dir(&self, run: &str) -> PathBuf {
        self.program.dir().join("runs").join(run)
    }

    fn head(&self, run: &str) -> serde_json::Value {
        read_json(&self.dir(run).join("run.json"))
    }

    /// What a run has left, with which another one can be compared.
    fn results(&self, run: &str) -> Results {
        let record = RunDir::open(&self.dir(run)).unwrap().record().unwrap();
        assert_eq!(record.not_run, []);
        record.trials.iter().map(|trial| (trial.folder(), Result::of(trial, &self.dir(run)))).collect()
    }

    /// Processes that this bench has started and that run: all have its folder on their command line.
    fn processes(&self) -> Vec<String> {
        processes_of(self.program.dir())
    }

    /// What is left in the temporary folder.
    fn temporary_files(&self) -> Vec<PathBuf> {
        self.temporary.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

/// Command lines of the processes that run and have this folder on them.
pub(super) fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        (line.contains(folder) && is_alive(pid)).then_some(line)
    });
    lines.collect()
}

/// Trials by their folders.
type Results = BTreeMap<String, Result>;

/// What two trials of one script have in common.
#[derive(Debug, PartialEq)]
struct Result {
    kind: Kind,
    title: Option<String>,
    oom_kills: u64,
    kernel: Option<String>,
    initrd: Option<String>,
    artifacts: BTreeSet<String>,
    files: BTreeSet<PathBuf>,
}

impl Result {
    fn of(trial: &TrialRecord, run: &Path) -> Self {
        let folder = run.join("cells").join(trial.folder());
        // Beside other tests it may be slow.
        let kind = if trial.verdict.kind == Kind::Slow { Kind::Finished } else { trial.verdict.kind };
        let text = |digest: &Option<model::Digest>| digest.as_ref().map(ToString::to_string);
        let files = walk(&folder).into_iter().map(|path| path.strip_prefix(&folder).unwrap().to_owned());
        Self {
            kind,
            title: trial.verdict.title.clone(),
            oom_kills: trial.oom_kills,
            kernel: text(&trial.kernel_digest),
            initrd: text(&trial.initrd_digest),
            artifacts: trial.artifacts.iter().map(|artifact| artifact.file.clone()).collect(),
            files: files.collect(),
        }
    }
}

/// The records of the trials that have ended, byte for byte, without those that were interrupted.
fn ended(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let records = walk(run).into_iter().filter(|path| path.ends_with("trial.json"));
    let judged = records.filter(|path| !read_trial(path.parent().unwrap()).unwrap().is_interrupted());
    judged.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Number of trials that have a record.
fn count_ended(run: &Path) -> usize {
    let cells = run.join("cells").read_dir().into_iter().flatten().flatten();
    cells.filter(|cell| cell.path().join("trial.json").is_file()).count()
}

/// Events of the trials that have no record.
fn count_events(run: &Path) -> usize {
    let cells = run.join("cells").read_dir().into_iter().flatten().flatten().map(|cell| cell.path());
    let running = cells.filter(|cell| !cell.join("trial.json").is_file());
    let texts = running.filter_map(|cell| std::fs::read_to_string(cell.join("events.jsonl")).ok());
    texts.map(|text| text.lines().count()).sum()
}

fn healthy() -> String {
    format!("{AGENT}{END}")
}

/// Waits until this many trials have ended, and the others have this many events.
fn wait_for(run: &Path, trials: usize, events: usize) {
    for number in 1..=trials {
        eventually("a trial's end", || count_ended(run) >= number);
    }
    eventually("the point", || match count_ended(run) {
        _ if !run.join("run.json").is_file() => false,
        ended if ended == trials => count_events(run) >= events,
        ended => ended > trials,
    });
}
