//! What a snapshot of the guest's tasks proves, and what the kernel itself says of the locks that they wait for.

use super::clock::Moment;
use super::observations::Observations;
use model::{Evidence, TaskFacts, Tasks};
use std::collections::BTreeSet;

/// Maximum tasks of each sort in a verdict: further ones repeat the first.
const MAX_OF_A_SORT: usize = 2;

/// By the last snapshot since `since`, and the console since then.
pub(super) fn since(observed: &Observations, since: Moment) -> Vec<Evidence> {
    let mut found = observed.probes.tasks(since).map(evidence).unwrap_or_default();
    found.extend(observed.blockers.evidence(since, &found));
    found
}

/// The victims, the tasks in the allocator, the waiters and holders of locks.
fn evidence(tasks: &Tasks) -> Vec<Evidence> {
    victims(tasks).chain(stuck_tasks(tasks)).chain(lock_holders(tasks)).collect()
}

/// OOM victims, those without `MMF_OOM_SKIP` first.
fn victims(tasks: &Tasks) -> impl Iterator<Item = Evidence> {
    let mut victims: Vec<_> = tasks.tasks.iter().filter_map(|facts| Some((facts, facts.victim?.oom_skip))).collect();
    victims.sort_by_key(|(_, oom_skip)| oom_skip.map_or(1, |is_set| if is_set { 2 } else { 0 }));
    victims.into_iter().take(MAX_OF_A_SORT).map(|(facts, oom_skip)| Evidence::Victim {
        pid: facts.pid,
        comm: facts.comm.clone(),
        state: facts.state,
        oom_skip,
        frames: facts.frames.clone(),
    })
}

/// Tasks in the allocator, those first that hold a lock and whose request is known.
fn stuck_tasks(tasks: &Tasks) -> impl Iterator<Item = Evidence> {
    let mut stuck: Vec<&TaskFacts> = tasks.tasks.iter().filter(|facts| facts.allocates).collect();
    stuck.sort_by_key(|facts| (!tasks.holds_lock(facts.pid), facts.request.is_none(), facts.victim.is_some()));
    stuck.into_iter().take(MAX_OF_A_SORT).map(|facts| Evidence::StuckTask {
        pid: facts.pid,
        comm: facts.comm.clone(),
        state: facts.state,
        gfp: facts.request.as_ref().map(|request| request.gfp.clone()),
        order: facts.request.as_ref().map(|request| request.order),
        frames: facts.frames.clone(),
    })
}

/// Each holder with the first task that waits for it, victims first.
fn lock_holders(tasks: &Tasks) -> impl Iterator<Item = Evidence> {
    let awaited = tasks.tasks.iter().filter_map(|facts| {
        let lock = facts.lock.as_ref()?;
        Some((facts, lock, lock.owner.as_ref()?))
    });
    let mut awaited: Vec<_> = awaited.collect();
    awaited.sort_by_key(|(waiter, ..)| waiter.victim.is_none());
    let mut holders = BTreeSet::new();
    awaited.retain(|(.., owner)| holders.insert(owner.pid));
    awaited.into_iter().take(MAX_OF_A_SORT).map(|(waiter, lock, owner)| Evidence::LockHolder {
        lock: lock.sort.clone(),
        waiter_pid: waiter.pid,
        waiter_comm: waiter.comm.clone(),
        holder_pid: owner.pid,
        holder_comm: owner.comm.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AllocationRequest, AwaitedLock, OomVictim, Task};

    fn task(pid: u32) -> TaskFacts {
        TaskFacts::new(pid, "t", 'D')
    }

    fn victim(pid: u32, oom_skip: Option<bool>) -> TaskFacts {
        TaskFacts { victim: Some(OomVictim { oom_skip }), ..task(pid) }
    }

    fn waiter(pid: u32, owner: u32) -> TaskFacts {
        let owner = Some(Task { pid: owner, comm: "t".to_owned() });
        TaskFacts { lock: Some(AwaitedLock { sort: "mutex".to_owned(), owner }), ..task(pid) }
    }

    fn phrases(tasks: Vec<TaskFacts>) -> Vec<String> {
        evidence(&Tasks { tasks, left_out: 0 }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn decisive_tasks_come_first_and_are_few() {
        let allocating = |pid| TaskFacts { allocates: true, ..task(pid) };
        let request = Some(AllocationRequest { gfp: "0xcc0(GFP_KERNEL)".to_owned(), order: 0 });
        let shown = phrases(vec![
            victim(1, Some(true)),
            victim(2, None),
            victim(3, Some(false)),
            allocating(4),
            TaskFacts { request, ..allocating(5) },
            allocating(6),
            waiter(7, 6),
            waiter(8, 6),
            TaskFacts { lock: waiter(2, 9).lock, ..victim(2, None) },
            TaskFacts { lock: Some(AwaitedLock { sort: "rwsem".to_owned(), owner: None }), ..task(10) },
        ]);
        let expected = [
            "pid 3 (t), OOM victim without MMF_OOM_SKIP, D",
            "pid 2 (t), OOM victim, D",
            "pid 6 (t) allocates, D",
            "pid 5 (t) allocates, D, gfp_mask=0xcc0(GFP_KERNEL), order=0",
            "pid 2 (t) waits for the mutex of pid 9 (t)",
            "pid 7 (t) waits for the mutex of pid 6 (t)",
        ];
        assert_eq!(shown, expected);
        assert_eq!(phrases(Vec::new()), [""; 0]);
    }
}
