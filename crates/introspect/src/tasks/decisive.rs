//! The tasks that decide a verdict: OOM victims, tasks inside the allocator, holders of locks and their waiters.

use super::allocation::is_inside;
use super::gfp;
use super::guest::Guest;
use super::task::Task;
use kmsg::functions::Class;
use model::{AllocationRequest, AwaitedLock, MAX_FRAMES, MAX_TASKS, OomVictim, TaskFacts, Tasks};

/// Characters of a function's name that are kept.
const MAX_NAME: usize = 128;

/// The decisive tasks of a guest.
pub fn decisive(guest: &Guest<'_>) -> Tasks {
    let tasks = guest.tasks().tasks;
    let all: Vec<TaskFacts> = tasks.iter().map(|task| facts(guest, task, &tasks)).collect();
    let whole = Tasks { tasks: all, left_out: 0 };
    let rank = |facts: &TaskFacts| {
        if facts.victim.is_some() {
            Some(0)
        } else if whole.holds_lock(facts.pid) {
            Some(1)
        } else if facts.allocates {
            Some(2)
        } else {
            facts.lock.as_ref().map(|_| 3)
        }
    };
    let mut ranked: Vec<(u32, &TaskFacts)> =
        whole.tasks.iter().filter_map(|facts| Some((rank(facts)?, facts))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let left_out = u32::try_from(ranked.len().saturating_sub(MAX_TASKS)).unwrap_or(u32::MAX);
    Tasks { tasks: ranked.into_iter().take(MAX_TASKS).map(|(_, facts)| facts.clone()).collect(), left_out }
}

fn facts(guest: &Guest<'_>, task: &Task, all: &[Task]) -> TaskFacts {
    let functions = guest.functions(task.frames());
    let allocates = is_inside(functions.iter());
    let frames = functions.into_iter().filter(|name| !Class::Scheduler.has(name));
    TaskFacts {
        pid: task.pid,
        tgid: task.tgid,
        comm: task.comm.clone(),
        state: task.state,
        victim: task.victim.map(|victim| OomVictim { oom_skip: victim.oom_skip }),
        allocates,
        request: task.request.map(|it| AllocationRequest { gfp: gfp::show(it.gfp), order: it.order }),
        frames: frames.take(MAX_FRAMES).map(|name| name.chars().take(MAX_NAME).collect()).collect(),
        lock: task.awaited.as_ref().map(|awaited| AwaitedLock {
            sort: awaited.sort.to_owned(),
            owner: task.lock_owner(all).map(|owner| model::Task { pid: owner.pid, comm: owner.comm.clone() }),
        }),
    }
}
