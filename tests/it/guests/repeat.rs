//! The same guests many times over, on an idle host or beside processes that spin: `tests/guests/repeat.sh`.

use super::load::Spinners;
use super::program::{Program, finish};
use super::{GUESTS, Known, keep, kernels, name, plan};
use model::{Cell, Kind, Outcome};
use oomlab::store::RunDir;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const HEALTHY: &str = include_str!("../../guests/healthy.yaml");

/// A setting of `repeat.sh`.
pub(super) fn setting(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: no number")))
}

pub(super) fn get_kernels(cells: &[Cell]) {
    let mut kernels: Vec<_> = cells.iter().map(|cell| (cell.kernel.as_str(), cell.arch.name)).collect();
    kernels.sort_unstable();
    kernels.dedup();
    kernels.into_iter().for_each(|(kernel, arch)| {
        kernels::kernel(kernel, arch);
    });
}

/// What became of one guest in all its runs.
#[derive(Default)]
struct Tally {
    total: usize,
    wrong: Vec<String>,
    longest_s: f64,
    reported_after_s: f64,
    bundle_s: f64,
}

impl Tally {
    fn add(&mut self, known: Known) {
        self.total += 1;
        self.longest_s = self.longest_s.max(known.trial.duration_s);
        self.reported_after_s = self.reported_after_s.max(known.reported_after_s().unwrap_or_default());
        self.bundle_s = self.bundle_s.max(known.bundle_s().unwrap_or_default());
        if !known.wrong.is_empty() {
            self.wrong.push(format!("{} ({})", known.wrong.join("; "), keep(known.program).display()));
        }
    }
}

#[test]
#[ignore = "takes half an hour: tests/guests/repeat.sh"]
fn every_guest_is_judged_right_every_time() {
    let only = std::env::var("OOMLAB_GUESTS_ONLY").unwrap_or_default();
    let only: Vec<_> = only.split(',').filter(|name| !name.is_empty()).collect();
    let mut cells = plan(GUESTS);
    cells.retain(|cell| only.is_empty() || only.contains(&name(cell)));
    get_kernels(&cells);
    let trials = cells.len() * setting("OOMLAB_GUESTS_TIMES", 20);
    let (next, tallies) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<&str, Tally>::new()));
    let _spinners = Spinners::start(setting("OOMLAB_GUESTS_SPINNERS", 0));
    let work = || {
        loop {
            let trial = next.fetch_add(1, Ordering::Relaxed);
            if trial >= trials {
                return;
            }
            let cell = &cells[trial % cells.len()];
            let known = Known::boot(cell);
            println!("{:>4}/{trials} {} {} {}", trial + 1, cell.id, known.trial.verdict.kind, known.wrong.join("; "));
            tallies.lock().unwrap().entry(cell.id.as_str()).or_default().add(known);
        }
    };
    std::thread::scope(|scope| {
        (0..setting("OOMLAB_GUESTS_JOBS", 4)).for_each(|_| {
            scope.spawn(work);
        });
    });
    report(&cells, &tallies.into_inner().unwrap());
}

/// One row a guest; the times are the longest of all its runs.
fn report(cells: &[Cell], tallies: &BTreeMap<&str, Tally>) {
    println!("\n{:<64} {:>7} {:>8} {:>14} {:>9}", "guest", "right", "longest", "last progress", "evidence");
    for cell in cells {
        let Some(tally) = tallies.get(cell.id.as_str()) else { continue };
        let right = format!("{}/{}", tally.total - tally.wrong.len(), tally.total);
        println!(
            "{:<64} {right:>7} {:>6.1} s {:>6.1} s before {:>7.1} s",
            cell.id.as_str(),
            tally.longest_s,
            tally.reported_after_s,
            tally.bundle_s
        );
        tally.wrong.iter().for_each(|wrong| println!("    {wrong}"));
    }
    let wrong: usize = tallies.values().map(|tally| tally.wrong.len()).sum();
    assert_eq!(wrong, 0, "wrong verdicts");
}

#[test]
#[ignore = "takes half an hour: tests/guests/repeat.sh"]
fn healthy_boots_are_never_called_hung() {
    let cells = plan(HEALTHY);
    get_kernels(&cells);
    let repeat = setting("OOMLAB_GUESTS_TIMES", 300).div_ceil(cells.len()).to_string();
    let jobs = setting("OOMLAB_GUESTS_JOBS", 4).to_string();
    let _spinners = Spinners::start(setting("OOMLAB_GUESTS_SPINNERS", 0));
    let program = Program::new();
    program.write("matrix.yaml", HEALTHY);
    let args = ["run", "matrix.yaml", "--repeat", &repeat, "--jobs", &jobs, "--cpus", &jobs, "--out", "run"];
    let finished = finish(&mut kernels::command(&program, &args));
    let record = RunDir::open(&program.dir().join("run")).and_then(|run| run.record()).expect("a finished run");
    let mut kinds = BTreeMap::<(Outcome, Kind), usize>::new();
    for trial in &record.trials {
        *kinds.entry((trial.verdict.outcome(), trial.verdict.kind)).or_default() += 1;
    }
    println!("{}\n{} healthy boots:", finished.stdout, record.trials.len());
    kinds.iter().for_each(|((outcome, kind), count)| println!("{count:>5} {outcome}/{kind}"));
    let unexpected = record.trials.iter().filter(|trial| !trial.as_expected()).count();
    assert!(unexpected == 0, "{unexpected} were not called healthy; kept in {}", keep(program).display());
}
