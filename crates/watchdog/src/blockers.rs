//! Locks that hung tasks wait for, as the kernel names them on the console (`kernel/hung_task.c`, `debug_show_blocker()`).

use super::clock::Moment;
use kmsg::signature::Blocker;
use model::Evidence;
use std::collections::VecDeque;

/// Blockers that are kept: the guest is hostile and may print without end.
const MAX_BLOCKERS: usize = 8;

/// Blockers in a verdict: further ones repeat the first.
const MAX_SHOWN: usize = 2;

/// The last blocker of each task.
#[derive(Debug, Clone, Default)]
pub(super) struct Blockers {
    all: VecDeque<(Moment, Blocker)>,
}

impl Blockers {
    pub fn push(&mut self, at: Moment, blocker: Blocker) {
        self.all.retain(|(_, known)| known.waiter != blocker.waiter);
        if self.all.len() >= MAX_BLOCKERS {
            self.all.pop_front();
        }
        self.all.push_back((at, blocker));
    }

    /// Those that were printed since `since`, but for what `known` says already.
    pub fn evidence(&self, since: Moment, known: &[Evidence]) -> Vec<Evidence> {
        let is_known = |blocker: &Blocker| {
            known.iter().any(
                |evidence| matches!(evidence, Evidence::LockHolder { waiter_pid, .. } if *waiter_pid == blocker.waiter.pid),
            )
        };
        let printed = self.all.iter().filter(|(at, _)| at.host >= since.host).map(|(_, blocker)| blocker);
        let new = printed.filter(|blocker| !is_known(blocker)).take(MAX_SHOWN);
        new.map(|Blocker { lock, waiter, owner }| Evidence::LockHolder {
            lock: (*lock).to_owned(),
            waiter_pid: waiter.pid,
            waiter_comm: waiter.comm.clone(),
            holder_pid: owner.pid,
            holder_comm: owner.comm.clone(),
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmsg::Task;

    fn blocker(waiter: u32, owner: u32) -> Blocker {
        let task = |pid| Task { pid, comm: "t".to_owned() };
        Blocker { lock: "rwsem", waiter: task(waiter), owner: task(owner) }
    }

    #[test]
    fn the_last_blocker_of_each_task_counts() {
        let phrases = |blockers: &Blockers, known: &[Evidence]| {
            let evidence = blockers.evidence(Moment::default(), known);
            evidence.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let mut blockers = Blockers::default();
        assert_eq!(phrases(&blockers, &[]), [""; 0]);
        for (waiter, owner) in [(1, 2), (3, 4), (1, 5)] {
            blockers.push(Moment::default(), blocker(waiter, owner));
        }
        let expected = ["pid 3 (t) waits for the rwsem of pid 4 (t)", "pid 1 (t) waits for the rwsem of pid 5 (t)"];
        assert_eq!(phrases(&blockers, &[]), expected);
        let seen = blockers.evidence(Moment::default(), &[]);
        assert_eq!(phrases(&blockers, &seen[..1]), expected[1..]);
        (10..100).for_each(|waiter| blockers.push(Moment::default(), blocker(waiter, 2)));
        assert_eq!((phrases(&blockers, &[]).len(), blockers.all.len()), (MAX_SHOWN, MAX_BLOCKERS));
    }
}
