//! Shards: the cells of a plan on several machines, longest first onto the least loaded one.
//!
//! Every machine computes the whole partition by itself, so that it depends on nothing but the cells and the costs: not on the
//! order of the cells, the host, or what ran there before.

use super::Costs;
use model::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::str::FromStr;

/// Maximum number of shards.
pub const MAX_SHARDS: u32 = 10_000;

/// One of several shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub number: u32,
    /// Number of shards.
    pub of: u32,
}

/// A text that names no shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// Not two numbers.
    #[error("not a shard: write for example `2/8` for the second one of eight")]
    Form,
    /// The number is not among those of the shards.
    #[error("there is no shard {number} of {of}: they count from 1 to {of}")]
    Number {
        /// As written.
        number: u32,
        /// As written.
        of: u32,
    },
    /// No shard, or too many.
    #[error("{0} shards: there may be 1 to {MAX_SHARDS}")]
    Count(u32),
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let (number, of) = text.split_once('/').ok_or(ShardError::Form)?;
        if !is_number(number) || !is_number(of) {
            return Err(ShardError::Form);
        }
        let (number, of) = (number.parse().unwrap_or(u32::MAX), of.parse().unwrap_or(u32::MAX));
        match of {
            1..=MAX_SHARDS if (1..=of).contains(&number) => Ok(Self { number, of }),
            1..=MAX_SHARDS => Err(ShardError::Number { number, of }),
            _ => Err(ShardError::Count(of)),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// The cells of a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Load<'c> {
    /// In the order of the plan.
    pub cells: Vec<&'c Cell>,
    /// What their trials cost together: a second of a trial with two vCPUs counts twice.
    pub cpu_s: f64,
    /// The longest trial, in seconds; 0 without cells.
    pub longest_s: f64,
}

impl Load<'_> {
    /// Wall time in seconds on a machine with so many CPUs for guests, without that for kernels that are built or fetched.
    pub fn expected_s(&self, cpus: u32) -> f64 {
        (self.cpu_s / f64::from(cpus.max(1))).max(self.longest_s)
    }
}

/// The cells of each of `of` machines, by the number of the shard. All trials of a cell are on one machine: its record numbers them.
///
/// The most loaded machine has at most 4/3 − 1/(3·`of`) times what it has in the best partition (Graham, "Bounds on
/// Multiprocessing Timing Anomalies", 1969).
pub fn partition<'c>(cells: &'c [Cell], costs: &Costs, of: u32) -> Vec<Load<'c>> {
    divide(cells, &costs_of(cells, costs), of)
}

/// What a cell costs.
#[derive(Debug, Clone, Copy)]
struct CellCost {
    /// All of its trials, in seconds of one vCPU.
    cpu_s: f64,
    /// One of them, in seconds.
    trial_s: f64,
}

/// The cost of a cell that was not measured takes a look at all that were.
fn costs_of(cells: &[Cell], costs: &Costs) -> Vec<CellCost> {
    let of = |cell: &Cell| {
        let trial_s = costs.trial_s(cell);
        CellCost { cpu_s: trial_s * f64::from(cell.repeat) * f64::from(cell.vcpus), trial_s }
    };
    cells.iter().map(of).collect()
}

/// As [`partition`]; the costs are those of the cells, in their order.
fn divide<'c>(cells: &'c [Cell], costs: &[CellCost], of: u32) -> Vec<Load<'c>> {
    let mut order: Vec<(f64, usize)> = costs.iter().enumerate().map(|(at, cost)| (cost.cpu_s, at)).collect();
    order.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| cells[*a].id.cmp(&cells[*b].id)));
    let mut shards: Vec<Vec<usize>> = vec![Vec::new(); of.max(1) as usize];
    let mut loads = vec![0.0; shards.len()];
    // Bits of floats that are not negative are in the order of the floats.
    let mut least: BinaryHeap<_> = (0..shards.len()).map(|shard| Reverse((0.0_f64.to_bits(), shard))).collect();
    for (cpu_s, at) in order {
        let Some(Reverse((_, shard))) = least.pop() else { break };
        shards[shard].push(at);
        loads[shard] += cpu_s;
        least.push(Reverse((loads[shard].to_bits(), shard)));
    }
    let load = |(mut shard, cpu_s): (Vec<usize>, f64)| {
        shard.sort_unstable();
        let longest_s = shard.iter().map(|at| costs[*at].trial_s).fold(0.0, f64::max);
        Load { cells: shard.into_iter().map(|at| &cells[at]).collect(), cpu_s, longest_s }
    };
    shards.into_iter().zip(loads).map(load).collect()
}

/// The smallest number of shards of which none is expected to take longer than `max_s` on `cpus` CPUs; `None` where one trial takes
/// longer, or [`MAX_SHARDS`] are too few.
pub fn shards_within(cells: &[Cell], costs: &Costs, cpus: u32, max_s: f64) -> Option<u32> {
    let costs = costs_of(cells, costs);
    // No number of machines makes a trial shorter.
    if costs.iter().any(|cost| cost.trial_s > max_s) {
        return None;
    }
    let fits = |of: u32| divide(cells, &costs, of).iter().all(|load| load.expected_s(cpus) <= max_s);
    let total = costs.iter().map(|cost| cost.cpu_s).sum::<f64>() / f64::from(cpus.max(1));
    // With fewer, the mean alone is longer.
    let least = (total / max_s).ceil().clamp(1.0, f64::from(MAX_SHARDS)) as u32;
    // A cell is not divided: more machines than cells do not help.
    let most = least.max(u32::try_from(cells.len()).unwrap_or(MAX_SHARDS).min(MAX_SHARDS));
    (least..=most).find(|of| fits(*of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::samples::cell;
    use proptest::prelude::*;

    /// Costs by the ids of the cells, of one trial each.
    fn costs(seconds: &[u32]) -> Costs {
        let cost = |(at, seconds): (usize, &u32)| {
            format!(r#""{}": {{"seconds": {seconds}, "arch": "arm", "workload": "idle"}}"#, id(at))
        };
        let cells: Vec<String> = seconds.iter().enumerate().map(cost).collect();
        let file = format!(r#"{{"schema": 1, "cells": {{{}}}}}"#, cells.join(", "));
        Costs::from_json(file.as_bytes()).unwrap()
    }

    fn id(at: usize) -> String {
        format!("cell-{at:03}")
    }

    fn cells(count: usize) -> Vec<Cell> {
        (0..count).map(|at| cell(&id(at), arch::find("arm").unwrap(), "idle")).collect()
    }

    fn ids(loads: &[Load<'_>]) -> Vec<Vec<String>> {
        let of = |load: &Load<'_>| {
            let mut ids: Vec<String> = load.cells.iter().map(|cell| cell.id.to_string()).collect();
            ids.sort_unstable();
            ids
        };
        loads.iter().map(of).collect()
    }

    #[test]
    fn shard_is_written_as_a_fraction() {
        assert_eq!("2/8".parse(), Ok(Shard { number: 2, of: 8 }));
        assert_eq!("1/1".parse::<Shard>().unwrap().to_string(), "1/1");
        for text in ["", "2", "/", "2/", "/8", "a/8", "2/x", "-1/8", "+1/8", "1/8/2", " 1/8", "1.0/8"] {
            assert_eq!(text.parse::<Shard>(), Err(ShardError::Form), "{text}");
        }
        let refused = |text: &str| text.parse::<Shard>().unwrap_err().to_string();
        assert_eq!(refused("0/8"), "there is no shard 0 of 8: they count from 1 to 8");
        assert_eq!(refused("9/8"), "there is no shard 9 of 8: they count from 1 to 8");
        assert_eq!(refused("1/0"), "0 shards: there may be 1 to 10000");
        assert_eq!(refused("1/99999999999"), "4294967295 shards: there may be 1 to 10000");
    }

    #[test]
    fn longest_cells_go_onto_the_least_loaded_machine() {
        let (cells, costs) = (cells(5), costs(&[1, 9, 5, 4, 3]));
        let loads = partition(&cells, &costs, 2);
        assert_eq!(ids(&loads), [vec![id(1), id(4)], vec![id(0), id(2), id(3)]]);
        assert_eq!((loads[0].cpu_s, loads[0].longest_s, loads[1].cpu_s), (12.0, 9.0, 10.0));
        assert_eq!((loads[0].expected_s(1), loads[0].expected_s(2)), (12.0, 9.0));
    }

    #[test]
    fn cost_of_a_cell_counts_its_trials_and_vcpus() {
        let mut cells = cells(2);
        (cells[0].repeat, cells[1].vcpus) = (3, 2);
        let load = partition(&cells, &costs(&[10, 10]), 1).remove(0);
        assert_eq!((load.cpu_s, load.longest_s), (50.0, 10.0));
    }

    #[test]
    fn shards_without_cells_are_empty() {
        assert_eq!(ids(&partition(&cells(1), &Costs::default(), 3)), [vec![id(0)], vec![], vec![]]);
        assert_eq!(partition(&[], &Costs::default(), 1)[0].expected_s(4), 0.0);
    }

    #[test]
    fn number_of_shards_follows_from_their_longest_time() {
        let (cells, costs) = (cells(4), costs(&[10, 10, 10, 10]));
        let within = |cpus, max_s| shards_within(&cells, &costs, cpus, max_s);
        assert_eq!(
            (within(1, 40.0), within(1, 20.0), within(1, 15.0), within(2, 20.0)),
            (Some(1), Some(2), Some(4), Some(1))
        );
        assert_eq!(within(8, 9.0), None, "one trial takes 10 s");
        assert_eq!(shards_within(&[], &costs, 1, 1.0), Some(1));
    }

    /// The load of the most loaded machine in the best partition, by trying all.
    fn best(seconds: &[u32], loads: &mut [u32]) -> u32 {
        let Some((first, rest)) = seconds.split_first() else { return loads.iter().copied().max().unwrap() };
        let mut least = u32::MAX;
        for at in 0..loads.len() {
            loads[at] += first;
            least = least.min(best(rest, loads));
            loads[at] -= first;
        }
        least
    }

    proptest! {
        #[test]
        fn every_cell_is_in_one_shard(seconds in prop::collection::vec(1_u32..1000, 0..60), of in 1_u32..12) {
            let cells = cells(seconds.len());
            let mut found: Vec<String> = ids(&partition(&cells, &costs(&seconds), of)).concat();
            found.sort_unstable();
            prop_assert_eq!(found, (0..cells.len()).map(id).collect::<Vec<_>>());
        }

        #[test]
        fn order_of_the_matrix_does_not_count(seconds in prop::collection::vec(1_u32..9, 1..40), of in 1_u32..6, turn in 0_usize..40) {
            let (mut cells, costs) = (cells(seconds.len()), costs(&seconds));
            let before = ids(&partition(&cells, &costs, of));
            cells.reverse();
            cells.rotate_left(turn % seconds.len());
            prop_assert_eq!(before, ids(&partition(&cells, &costs, of)));
        }

        #[test]
        fn cells_of_a_shard_keep_the_order_of_the_plan(seconds in prop::collection::vec(1_u32..99, 1..40), of in 1_u32..6) {
            let cells = cells(seconds.len());
            for load in partition(&cells, &costs(&seconds), of) {
                prop_assert!(load.cells.is_sorted_by_key(|cell| &cell.id));
            }
        }

        #[test]
        fn most_loaded_machine_is_within_the_bound(seconds in prop::collection::vec(1_u32..50, 1..8), of in 1_u32..4) {
            let most = partition(&cells(seconds.len()), &costs(&seconds), of).iter().map(|load| load.cpu_s).fold(0.0, f64::max);
            let best = best(&seconds, &mut vec![0; of as usize]);
            let bound = (4.0 / 3.0 - 1.0 / (3.0 * f64::from(of))) * f64::from(best);
            prop_assert!(most <= bound + 1e-9, "{} > {}", most, bound);
        }
    }
}
