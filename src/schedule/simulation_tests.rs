//! Real durations on simulated machines: `night.tsv` has cells of one night of `matrices/nightly.yaml` on a host with 2 CPUs, each with
//! its vCPUs, its RAM in MiB and the duration of its trial in seconds.

use super::super::admission::Budget;
use super::super::need::{Need, QEMU_OVERHEAD_MIB};
use super::super::{Costs, Load, partition};
use super::*;
use model::samples::cell;
use model::{Cell, RamMib};

const NIGHT: &str = include_str!("night.tsv");

/// The cells: vCPUs, RAM in MiB, seconds.
pub(in crate::schedule) fn night() -> Vec<(u32, u64, f64)> {
    let row = |line: &str| {
        let mut fields = line.split('\t').skip(1);
        let mut next = || fields.next().unwrap();
        (next().parse().unwrap(), next().parse().unwrap(), next().parse().unwrap())
    };
    NIGHT.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

pub(in crate::schedule) fn machine(cpus: u32) -> Admission {
    Admission::new(Budget { cpus, ram_mib: 1536 * u64::from(cpus), reserve_mib: None, jobs: None, guests: u32::MAX })
}

/// `rounds` trials of each cell, expected to take what `expected` says.
pub(in crate::schedule) fn jobs(cells: &[(u32, u64, f64)], rounds: u32, expected: impl Fn(usize) -> f64) -> Vec<Job> {
    let mut jobs = Vec::new();
    for round in 1..=rounds {
        for (at, (cpus, ram_mib, _)) in cells.iter().enumerate() {
            let need = Need { cpus: *cpus, ram_mib: ram_mib + QEMU_OVERHEAD_MIB, ..Need::default() };
            let (id, seconds) = (jobs.len(), expected(at));
            jobs.push(Job { id, round, seconds, need, is_ready: true, is_known: true });
        }
    }
    jobs
}

/// A mixed matrix of sixty cells: every kind of vCPUs, RAM and duration of the night, up to `max_s` seconds.
fn sixty(max_s: f64) -> Vec<(u32, u64, f64)> {
    let night: Vec<_> = night().into_iter().filter(|cell| cell.2 <= max_s).collect();
    let wide: Vec<_> = night.iter().copied().filter(|cell| cell.0 > 1).collect();
    let mut narrow: Vec<_> = night.iter().copied().filter(|cell| cell.0 == 1).collect();
    narrow.sort_by(|one, other| one.2.total_cmp(&other.2));
    let count = 60 - wide.len();
    let step = |at: usize| narrow[at * (narrow.len() - 1) / (count - 1)];
    wide.iter().copied().chain((0..count).map(step)).collect()
}

/// A generator of numbers (Marsaglia's xorshift64), so that a search is the same each time.
pub(in crate::schedule) struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.below(1 << 30) as f64 / f64::from(1 << 30)
    }
}

/// The duration of a run whose trials start in this order, each as soon as it fits; later ones may pass.
fn makespan(cells: &[(u32, u64, f64)], order: &[usize], cpus: u32) -> f64 {
    let mut waiting = order.to_vec();
    let mut running: Vec<(f64, usize)> = Vec::new();
    let (mut now, mut free) = (0.0, cpus);
    loop {
        while let Some(at) = waiting.iter().position(|cell| cells[*cell].0.min(cpus) <= free) {
            let cell = waiting.remove(at);
            free -= cells[cell].0.min(cpus);
            running.push((now + cells[cell].2, cell));
        }
        let next = running.iter().enumerate().min_by(|(_, one), (_, other)| one.0.total_cmp(&other.0));
        let Some((at, _)) = next else { return now };
        let (end, cell) = running.swap_remove(at);
        free += cells[cell].0.min(cpus);
        now = end;
    }
}

/// The best order that simulated annealing finds.
fn best(cells: &[(u32, u64, f64)], cpus: u32, steps: usize) -> f64 {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut order: Vec<usize> = (0..cells.len()).collect();
    order.sort_by(|one, other| cells[*other].2.total_cmp(&cells[*one].2));
    let mut now = makespan(cells, &order, cpus);
    let (mut best, start) = (now, now * 0.05);
    for step in 0..steps {
        let heat = start * (1.0 - step as f64 / steps as f64);
        let (one, other) = (random.below(order.len()), random.below(order.len()));
        order.swap(one, other);
        let next = makespan(cells, &order, cpus);
        if next <= now || random.share() < ((now - next) / heat.max(1e-9)).exp() {
            now = next;
            best = best.min(now);
        } else {
            order.swap(one, other);
        }
    }
    best
}

/// Compares with the best order of a search, and prints the figures.
fn compare(steps: usize) {
    // One cell of the night takes longer than all others together on many CPUs.
    compare_cells(&sixty(f64::INFINITY), steps);
    compare_cells(&sixty(40.0), steps);
}

fn compare_cells(cells: &[(u32, u64, f64)], steps: usize) {
    let work: f64 = cells.iter().map(|cell| f64::from(cell.0) * cell.2).sum();
    for cpus in [2, 4, 8, 16] {
        let admission = machine(cpus);
        let queue = Queue::new(jobs(cells, 1, |at| cells[at].2), &admission);
        let simulated = simulate(queue, admission, 0.0, |job| cells[job.id].2);
        let found = best(cells, cpus, steps);
        let idle = simulated.idle_s / (simulated.seconds * f64::from(cpus));
        let longest = cells.iter().map(|cell| cell.2).fold(work / f64::from(cpus), f64::max);
        println!(
            "{cpus:2} CPUs: {:.1} s, best of {steps} orders {found:.1} s ({:.3}), bound {longest:.1} s ({:.3}), idle {:.1} %",
            simulated.seconds,
            simulated.seconds / found,
            simulated.seconds / longest,
            100.0 * idle
        );
        assert!(simulated.seconds <= 1.1 * found, "{} s, the search finds {found} s", simulated.seconds);
        assert!(idle <= 0.05, "{:.1} % of the CPU time is idle while trials wait", 100.0 * idle);
    }
}

#[test]
fn sixty_cells_end_within_a_tenth_of_the_best_order() {
    compare(2_000);
}

/// `cargo test --release -- --ignored long_search --nocapture` prints the figures of docs/performance.md.
#[test]
#[ignore = "takes minutes"]
fn long_search_finds_no_better_order() {
    compare(1_000_000);
}

#[test]
fn simulated_run_has_its_work_and_idle_time() {
    let cells = [(1, 1, 10.0), (1, 1, 4.0), (2, 1, 5.0)];
    let admission = machine(2);
    let queue = Queue::new(jobs(&cells, 1, |at| cells[at].2), &admission);
    let simulated = simulate(queue, admission, 0.0, |job| cells[job.id].2);
    // The wide one first, then both others: nothing waits in the last six seconds.
    assert_eq!((simulated.seconds, simulated.busy_s, simulated.idle_s), (15.0, 24.0, 0.0));
}

#[test]
fn trial_that_exceeds_the_machine_runs_alone() {
    let cells = [(8, 99_999, 3.0), (1, 1, 2.0), (1, 1, 1.0)];
    let admission = machine(2);
    let queue = Queue::new(jobs(&cells, 1, |at| cells[at].2), &admission);
    assert_eq!(simulate(queue, admission, 0.0, |job| cells[job.id].2).seconds, 5.0);
}

/// Ten trials of each cell take two to five minutes more than one: a stopped run has seen every cell.
#[test]
fn first_trials_have_begun_before_second_ones() {
    let cells = night();
    let mut admission = machine(4);
    let mut queue = Queue::new(jobs(&cells, 2, |at| cells[at].2), &admission);
    let mut rounds = Vec::new();
    let host = HostState::default();
    while let Ok(job) = queue.pick(0.0, &admission, &host) {
        rounds.push(job.round);
        let (need, is_known) = (job.need, true);
        admission.take(Active { id: job.id, need, resident_mib: 0, started_s: 0.0, ends_s: 1.0, is_known });
        admission.give_back(job.id);
    }
    assert!(rounds[..cells.len()].iter().all(|round| *round == 1));
    assert_eq!(rounds.len(), 2 * cells.len());
}

/// A night of so many trials of each cell on machines with two CPUs, by shards: the seconds of the longest and the shortest machine.
fn night_on(machines: u32, rounds: u32) -> (f64, f64) {
    let ids: Vec<&str> =
        NIGHT.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').next().unwrap()).collect();
    let rows = night();
    let cost = |(id, row): (&&str, &(u32, u64, f64))| {
        format!(r#""{id}": {{"seconds": {}, "arch": "arm", "workload": "idle"}}"#, row.2)
    };
    let costs: Vec<String> = ids.iter().zip(&rows).map(cost).collect();
    let costs = format!(r#"{{"schema": 1, "cells": {{{}}}}}"#, costs.join(", "));
    let costs = Costs::from_json(costs.as_bytes()).unwrap();
    let of_row = |(id, row): (&&str, &(u32, u64, f64))| Cell {
        vcpus: row.0,
        ram: RamMib(u32::try_from(row.1).unwrap()),
        repeat: rounds,
        ..cell(id, "arm".parse().unwrap(), "idle")
    };
    let cells: Vec<Cell> = ids.iter().zip(&rows).map(of_row).collect();
    let seconds = |load: Load<'_>| {
        let rows: Vec<_> =
            load.cells.iter().map(|cell| (cell.vcpus, u64::from(cell.ram.0), costs.trial_s(cell))).collect();
        let admission = machine(2);
        let queue = Queue::new(jobs(&rows, rounds, |at| rows[at].2), &admission);
        simulate(queue, admission, 0.0, |job| job.seconds).seconds
    };
    let ends: Vec<f64> = partition(&cells, &costs, machines).into_iter().map(seconds).collect();
    (ends.iter().copied().fold(0.0, f64::max), ends.iter().copied().fold(f64::INFINITY, f64::min))
}

/// The trials of one cell share a machine: with two CPUs, three of the longest take twice its time.
#[test]
fn ten_machines_take_a_tenth_of_the_night_or_its_longest_cell() {
    let (alone, _) = night_on(1, 3);
    let (longest, _) = night_on(10, 3);
    let cell = 2.0 * night().iter().map(|row| row.2).fold(0.0, f64::max);
    assert!(
        longest <= 1.1 * cell.max(alone / 10.0),
        "{longest} s, {cell} s for the longest cell, {alone} s on one machine"
    );
}

/// `cargo test --release --lib -- --ignored night_on_machines --nocapture` prints the figures of docs/performance.md.
#[test]
#[ignore = "prints figures"]
fn night_on_machines() {
    for rounds in [1, 10] {
        let (alone, _) = night_on(1, rounds);
        for machines in [1, 10, 100] {
            let (longest, shortest) = night_on(machines, rounds);
            // As Slurm has it: each trial runs where there is room.
            let cells = night();
            let admission = machine(2 * machines);
            let queue = Queue::new(jobs(&cells, rounds, |at| cells[at].2), &admission);
            let queued = simulate(queue, admission, 0.0, |job| job.seconds).seconds;
            let used = |seconds: f64| alone / (seconds * f64::from(machines));
            println!(
                "{rounds:2} trials, {machines:3} machines: shards {:.1} to {:.1} min (uses {:.2}), one queue {:.1} min (uses {:.2})",
                shortest / 60.0,
                longest / 60.0,
                used(longest),
                queued / 60.0,
                used(queued)
            );
            assert!(longest >= 0.99 * alone / f64::from(machines));
        }
    }
}
