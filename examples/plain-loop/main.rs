//! Runs the guests of a run again in a plain loop, with nothing around QEMU, and prints the lab's time beside the loop's.
//!
//! ```text
//! oomlab run matrix.yaml --repeat 100 --jobs 1 --out /tmp/one
//! cargo run --release --example plain-loop -- /tmp/one --jobs 1
//! ```
//!
//! Of a run with one guest at a time it prints what a trial's time is spent on; of several runs the throughput side by side, the loop
//! with each. The loop starts what the records of the trials have as QEMU's command line, with the console in a file. Guests with a
//! scratch disk are left out, as are those that do not end by themselves.

mod stages;

use clap::Parser;
use model::{Outcome, RunRecord, TrialRecord};
use oomlab::host::{Clock, Limits, capture_blocking, private_dir};
use oomlab::store::RunDir;
use stages::Stages;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A guest of the loop may take this many times what it took in the run, and a minute.
const MAX_FACTOR: f64 = 5.0;

/// Runs the guests of a run again in a plain loop, and prints the lab's time beside the loop's
#[derive(Debug, Parser)]
struct Args {
    /// Folders of runs
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Guests at a time in the loop
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Only print the throughput of the runs
    #[arg(long)]
    no_loop: bool,
}

/// Trials and their time.
#[derive(Debug, Clone, Copy)]
struct Throughput {
    trials: usize,
    seconds: f64,
    /// Guests at a time.
    jobs: usize,
}

impl Throughput {
    fn each_s(self) -> f64 {
        self.seconds / self.trials.max(1) as f64
    }

    /// Trials of a minute and job.
    fn per_job(self) -> f64 {
        60.0 / self.each_s() / self.jobs.max(1) as f64
    }

    fn print(self, name: &str, first: Option<Self>) {
        let ratio = first.map_or(1.0, |first| self.per_job() / first.per_job());
        let Self { trials, seconds, jobs } = self;
        println!(
            "{name:32} {trials:6} {jobs:4} {seconds:9.1} {:9.3} {:13.2} {ratio:6.3}",
            self.each_s(),
            self.per_job()
        );
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    println!("{:32} trials jobs   seconds  s/trial  trials/min/job  ratio", "");
    let mut first = None;
    for path in &args.runs {
        let run_dir = RunDir::open(path)?;
        let record = run_dir.record()?;
        let lab = Throughput { trials: record.trials.len(), seconds: record.duration_s, jobs: most_at_once(&record) };
        lab.print(&path.display().to_string(), first);
        if lab.jobs == 1 {
            println!("  {}", Stages::mean(&run_dir, &record)?);
        }
        first = first.or(Some(lab));
        if args.no_loop {
            continue;
        }
        let (guests, left_out): (Vec<_>, Vec<_>) = record.trials.iter().partition(|trial| ends_by_itself(trial));
        let (plain, failed) = run(&guests, args.jobs)?;
        plain.print("plain loop", first);
        let overhead = lab.each_s() * lab.jobs as f64 / (plain.each_s() * plain.jobs as f64) - 1.0;
        println!("  overhead of the lab {:+.1} %", 100.0 * overhead);
        if !left_out.is_empty() || failed > 0 {
            println!(
                "  left out {}, did not end as in the run {failed}: the times are of different guests",
                left_out.len()
            );
        }
    }
    Ok(())
}

/// The largest number of trials that ran at a time, by their times in whole seconds: of two that meet, the first has ended.
fn most_at_once(record: &RunRecord) -> usize {
    let start = |trial: &TrialRecord| trial.started.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second);
    let end = |trial: &TrialRecord| start(trial) + trial.duration_s.floor() as i64;
    let at = |time: i64| record.trials.iter().filter(|trial| start(trial) <= time && time < end(trial)).count();
    record.trials.iter().map(|trial| at(start(trial))).max().unwrap_or(1).max(1)
}

fn ends_by_itself(trial: &TrialRecord) -> bool {
    trial.verdict.outcome() == Outcome::Pass && !trial.command.iter().any(|word| word.contains("file=/proc/"))
}

/// Runs all guests, `jobs` at a time; returns their throughput, and how many did not end with status 0 in time.
fn run(guests: &[&TrialRecord], jobs: usize) -> Result<(Throughput, usize), Box<dyn Error>> {
    let folder = private_dir("oomlab-loop-")?;
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let clock = Clock::start();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(trial) = guests.get(at) else { return };
                    if !boot(trial, &folder.path().join(format!("{at}.log"))) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let seconds = clock.elapsed().as_secs_f64();
    Ok((Throughput { trials: guests.len(), seconds, jobs: jobs.max(1) }, failed.into_inner()))
}

fn boot(trial: &TrialRecord, console: &Path) -> bool {
    let argv = without_lab(&trial.command, console);
    let [program, arguments @ ..] = argv.as_slice() else { return false };
    let mut command = Command::new(program);
    command.args(arguments);
    let timeout = Duration::from_secs_f64(trial.duration_s * MAX_FACTOR + 60.0);
    let ended = capture_blocking(command, Limits { timeout, max_stdout: 1 << 20 });
    ended.is_ok_and(|captured| captured.success().is_ok())
}

/// The command line with the console in a file, and without a monitor.
fn without_lab(argv: &[String], console: &Path) -> Vec<String> {
    let word = |word: &String| match word {
        word if word.starts_with("socket,id=serial0,") => format!("file,id=serial0,path={}", console.display()),
        word if word.starts_with("socket,id=qmp0,") => "null,id=qmp0".to_owned(),
        word => word.clone(),
    };
    argv.iter().map(word).collect()
}

#[test]
fn sockets_become_files() {
    let argv =
        ["qemu", "-chardev", "socket,id=serial0,path=/a,server=on,wait=on", "-chardev", "socket,id=qmp0,path=/b"];
    let plain = without_lab(&argv.map(str::to_owned), Path::new("/c"));
    assert_eq!(plain.join(" "), "qemu -chardev file,id=serial0,path=/c -chardev null,id=qmp0");
}
