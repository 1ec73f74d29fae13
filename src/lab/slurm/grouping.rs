//! Which trials share a task, and which tasks an array. Pure.

use crate::schedule::Need;
use model::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

/// Maximum estimated time of a batch in seconds: much longer than Slurm takes to start a task, short enough that a task that is
/// lost costs little.
const MAX_BATCH_S: f64 = 120.0;

/// Maximum time limit of a batch in seconds, unless a trial alone has a longer one: partitions limit the time of a job.
const MAX_LIMIT_S: f64 = 7200.0;

/// Number of batches to aim at, so that a cluster has enough of them for its nodes.
const MIN_BATCHES: f64 = 64.0;

/// Memory of a task beside its guest and QEMU, in MiB: the lab itself, with the symbols of a kernel.
const WORKER_MIB: u64 = 128;

/// How much longer than its timeouts a trial may take: on a busy node, they are extended by the time that the guest did not get.
const STRETCH: f64 = 3.0;

/// Time for a trial's diagnosis and end, in seconds.
const AFTER_S: f64 = 120.0;

/// A trial that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub need: Need,
    /// Its estimated time in seconds.
    pub cost_s: f64,
    /// Its limit, from [`max_s`].
    pub max_s: f64,
}

/// A group: equal needs, with batches of positions in the list of trials.
#[derive(Debug, PartialEq)]
pub(super) struct Group {
    pub need: Need,
    pub batches: Vec<Vec<usize>>,
}

/// Groups trials; within a group they keep their order.
pub(super) fn group(trials: &[Waiting]) -> Vec<Group> {
    let total: f64 = trials.iter().map(|trial| trial.cost_s).sum();
    let max_cost_s = (total / MIN_BATCHES).min(MAX_BATCH_S);
    let mut groups: BTreeMap<(u32, u64), Vec<usize>> = BTreeMap::new();
    for (position, Waiting { need, .. }) in trials.iter().enumerate() {
        groups.entry((need.cpus, need.ram_mib)).or_default().push(position);
    }
    let batches = |positions: Vec<usize>| {
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let (mut cost_s, mut limit_s) = (0.0, 0.0);
        for position in positions {
            let trial = trials[position];
            match batches.last_mut() {
                Some(batch) if cost_s + trial.cost_s <= max_cost_s && limit_s + trial.max_s <= MAX_LIMIT_S => {
                    batch.push(position);
                }
                _ => {
                    batches.push(vec![position]);
                    (cost_s, limit_s) = (0.0, 0.0);
                }
            }
            (cost_s, limit_s) = (cost_s + trial.cost_s, limit_s + trial.max_s);
        }
        batches
    };
    let groups = groups.into_iter();
    groups
        .map(|((cpus, ram_mib), at)| Group { need: Need { cpus, ram_mib, ..Need::default() }, batches: batches(at) })
        .collect()
}

/// Memory of a task in MiB.
pub(super) fn task_mib(need: Need) -> u64 {
    need.ram_mib + WORKER_MIB
}

/// Limit on the time of a trial, in seconds.
pub(super) fn max_s(cell: &Cell) -> f64 {
    STRETCH * (cell.timeouts.boot_s + cell.timeouts.load_s) + AFTER_S
}

/// Limit on the time of a task with these trials.
pub(super) fn max_time<'c>(cells: impl Iterator<Item = &'c Cell>) -> Duration {
    model::duration(cells.map(max_s).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALL: Need = Need { cpus: 1, ram_mib: 160, record_mib: 0, scratch_mib: 0 };
    const BIG: Need = Need { cpus: 2, ram_mib: 640, record_mib: 0, scratch_mib: 0 };

    fn waiting(need: Need, cost_s: f64, max_s: f64) -> Waiting {
        Waiting { need, cost_s, max_s }
    }

    #[test]
    fn few_trials_have_a_task_each() {
        let groups = group(&[SMALL, BIG, SMALL].map(|need| waiting(need, 15.0, 600.0)));
        let expected =
            [Group { need: SMALL, batches: vec![vec![0], vec![2]] }, Group { need: BIG, batches: vec![vec![1]] }];
        assert_eq!(groups, expected);
    }

    #[test]
    fn batches_have_a_maximum_length() {
        let trials = vec![waiting(SMALL, 50.0, 600.0); 1000];
        let [group] = group(&trials).try_into().unwrap();
        assert!(group.batches.iter().all(|batch| batch.len() == 2), "two take 100 s, three more than 120 s");
    }

    #[test]
    fn batches_have_a_maximum_time_limit() {
        let limits = |max_s| {
            let [group] = group(&vec![waiting(SMALL, 1.0, max_s); 6400]).try_into().unwrap();
            group.batches.iter().map(Vec::len).max()
        };
        assert_eq!(limits(600.0), Some(12));
        assert_eq!(limits(9000.0), Some(1), "a trial alone has a longer one");
    }

    #[test]
    fn time_limit_covers_all_timeouts() {
        let cell = model::samples::cell("a", arch::find("arm").unwrap(), "idle");
        let timeouts = &cell.timeouts;
        let least = 2.0 * (timeouts.boot_s + timeouts.load_s);
        assert!(max_time([&cell, &cell].into_iter()).as_secs_f64() > least);
        assert_eq!(max_time([].into_iter()), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn every_trial_is_in_one_batch_of_its_need(
            trials in prop::collection::vec((1_u32..3, 1_u64..3, 0.1_f64..500.0, 1.0_f64..9000.0), 0..300),
        ) {
            let trials: Vec<Waiting> = trials
                .into_iter()
                .map(|(cpus, ram_mib, cost_s, max_s)| waiting(Need { cpus, ram_mib, ..Need::default() }, cost_s, max_s))
                .collect();
            let mut seen = vec![0; trials.len()];
            for Group { need, batches } in group(&trials) {
                for batch in batches {
                    let cost_s: f64 = batch.iter().map(|&at| trials[at].cost_s).sum();
                    let limit_s: f64 = batch.iter().map(|&at| trials[at].max_s).sum();
                    let is_short = cost_s <= MAX_BATCH_S + 1e-6 && limit_s <= MAX_LIMIT_S + 1e-6;
                    prop_assert!(batch.len() == 1 || is_short);
                    for at in batch {
                        prop_assert_eq!(trials[at].need, need);
                        seen[at] += 1;
                    }
                }
            }
            prop_assert!(seen.iter().all(|&times| times == 1));
        }
    }
}
