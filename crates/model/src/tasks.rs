//! The tasks that decide a verdict on stuck allocations: OOM victims, allocating tasks, waiters and holders of locks.

use super::Task;
use serde::{Deserialize, Serialize};

/// Tasks that are kept.
pub const MAX_TASKS: usize = 16;

/// Functions of a stack that are kept.
pub const MAX_FRAMES: usize = 16;

/// The decisive tasks at one moment, read from a snapshot of the guest's memory. What the guest's memory says is not trusted: names are
/// escaped, and lists are bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tasks {
    /// OOM victims first, then holders of locks, tasks in the allocator, tasks that wait for a lock; at most [`MAX_TASKS`].
    pub tasks: Vec<TaskFacts>,
    /// Decisive tasks that are left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
}

/// A task as the kernel's structures have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFacts {
    /// Process id.
    pub pid: u32,
    /// Process id of its thread group's leader.
    pub tgid: u32,
    /// Its name.
    pub comm: String,
    /// The kernel's letter for its state, `D` for uninterruptible (`include/linux/sched.h`).
    pub state: char,
    /// Its process was chosen by the OOM killer (`signal->oom_mm`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub victim: Option<OomVictim>,
    /// Whether it is in the slow path of the page allocator or in direct reclaim.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allocates: bool,
    /// Its allocation request; `None` if its stack does not show one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<AllocationRequest>,
    /// The kernel functions that it is in, innermost first, without those of the scheduler; at most [`MAX_FRAMES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<String>,
    /// The lock that it waits for; `None` if its stack does not show one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<AwaitedLock>,
}

/// What makes a task an OOM victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OomVictim {
    /// Whether `MMF_OOM_SKIP` of its mm is set. While it is not, the OOM killer chooses no other task (`mm/oom_kill.c`,
    /// `oom_evaluate_task()`). `None` when it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_skip: Option<bool>,
}

/// An allocation in progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationRequest {
    /// The mask as the kernel prints it: `0xcc0(GFP_KERNEL)`.
    pub gfp: String,
    /// 2 to the power of it is the number of pages; −1 for a kill by sysrq-f.
    pub order: i32,
}

impl AllocationRequest {
    /// Whether it has `__GFP_FS`; without that the OOM killer kills no task for it (`mm/oom_kill.c`, `out_of_memory()`). `None` if the
    /// mask cannot be read.
    pub fn has_fs(&self) -> Option<bool> {
        /// `___GFP_FS` (`include/linux/gfp_types.h`, until 6.0 `gfp.h`), the same from 5.10 to 7.3.
        const GFP_FS: u64 = 0x80;
        let mask = self.gfp.strip_prefix("0x")?.split('(').next()?;
        Some(u64::from_str_radix(mask, 16).ok()? & GFP_FS != 0)
    }
}

/// A sleeping lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitedLock {
    /// The kernel's name for its sort: `rwsem` or `mutex`.
    pub sort: String,
    /// The task that holds it; of an rwsem held by readers, the last reader that the kernel recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Task>,
}

impl TaskFacts {
    /// A thread group's leader in state `state`, without any other fact.
    pub fn new(pid: u32, comm: &str, state: char) -> Self {
        Self {
            pid,
            tgid: pid,
            comm: comm.to_owned(),
            state,
            victim: None,
            allocates: false,
            request: None,
            frames: Vec::new(),
            lock: None,
        }
    }

    /// Process id and name.
    pub fn task(&self) -> Task {
        Task { pid: self.pid, comm: self.comm.clone() }
    }
}

impl Tasks {
    /// The victim that keeps the OOM killer from choosing another one: the only process with a victim whose `MMF_OOM_SKIP` is not set.
    /// `None` if there is none, or more than one.
    pub fn victim(&self) -> Option<&TaskFacts> {
        let stays = |facts: &&TaskFacts| facts.victim == Some(OomVictim { oom_skip: Some(false) });
        let mut all = self.tasks.iter().filter(stays);
        let first = all.next()?;
        // Victims come first: others are left out before one of them is.
        let may_lack_victims = self.left_out > 0 && self.tasks.iter().all(|facts| facts.victim.is_some());
        if may_lack_victims || all.any(|other| other.tgid != first.tgid) {
            return None;
        }
        let leader = self.tasks.iter().filter(stays).find(|facts| facts.pid == facts.tgid);
        Some(leader.unwrap_or(first))
    }

    /// Whether all tasks in the allocator but kswapd are there without `__GFP_FS`, and outside of memcg reclaim, where the OOM killer
    /// kills for them all the same (`is_memcg_oom()`). False if there are none, or a mask is unknown.
    pub fn all_allocate_without_fs(&self) -> bool {
        let is_of_memcg =
            |facts: &TaskFacts| facts.frames.iter().any(|frame| frame.starts_with("try_to_free_mem_cgroup_pages"));
        let lacks_fs = |facts: &TaskFacts| facts.request.as_ref().and_then(AllocationRequest::has_fs) == Some(false);
        let mut allocating =
            self.tasks.iter().filter(|facts| facts.allocates && !facts.comm.starts_with("kswapd")).peekable();
        self.left_out == 0
            && allocating.peek().is_some()
            && allocating.all(|facts| lacks_fs(facts) && !is_of_memcg(facts))
    }

    /// The task in the allocator that a victim waits for: the holder of the lock that a thread of its process waits for, or of a lock that
    /// this holder waits for, and so on. `None` if there is none.
    pub fn allocating_holder(&self, victim: &TaskFacts) -> Option<&TaskFacts> {
        let holder = |waiter: &TaskFacts| {
            let owner = waiter.lock.as_ref()?.owner.as_ref()?;
            self.tasks.iter().find(|facts| facts.pid == owner.pid)
        };
        let threads = self.tasks.iter().filter(|facts| facts.tgid == victim.tgid);
        // Locks may form a circle: no chain has more tasks than there are.
        threads
            .flat_map(|thread| std::iter::successors(holder(thread), |facts| holder(facts)).take(self.tasks.len()))
            .find(|facts| facts.allocates && facts.tgid != victim.tgid)
    }

    /// Whether a task holds a lock that another one waits for.
    pub fn holds_lock(&self, pid: u32) -> bool {
        let owners = self.tasks.iter().filter_map(|facts| facts.lock.as_ref()?.owner.as_ref());
        owners.into_iter().any(|owner| owner.pid == pid)
    }
}

const fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Probe, Record};

    fn task(pid: u32, tgid: u32, oom_skip: Option<bool>) -> TaskFacts {
        TaskFacts { tgid, victim: Some(OomVictim { oom_skip }), ..TaskFacts::new(pid, "hog", 'D') }
    }

    #[test]
    fn tasks_round_trip() {
        let text = r#"{"us":5,"event":"tasks","tasks":{"tasks":[{"pid":26,"tgid":26,"comm":"hog","state":"D","victim":{"oom_skip":false},"frames":["down_write","do_mmap"],"lock":{"sort":"rwsem","owner":{"pid":31,"comm":"dd"}}},{"pid":31,"tgid":30,"comm":"dd","state":"R","allocates":true,"request":{"gfp":"0xcc0(GFP_KERNEL)","order":3}}],"left_out":2}}"#;
        let record: Record = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
        let Event::Tasks { tasks } = record.event else { panic!("{text}") };
        assert!(tasks.holds_lock(31) && !tasks.holds_lock(26));
        assert_eq!(serde_json::to_string(&Probe::Tasks).unwrap(), r#""tasks""#);
    }

    #[test]
    fn allocations_without_fs_are_told_from_others() {
        let allocating = |gfp: &str| TaskFacts {
            allocates: true,
            request: Some(AllocationRequest { gfp: gfp.to_owned(), order: 0 }),
            ..TaskFacts::new(1, "t", 'R')
        };
        let [noio, nofs, kernel, unknown] =
            ["0xc00(GFP_NOIO)", "0xc40(GFP_NOFS)", "0xcc0(GFP_KERNEL)", "GFP_NOIO"].map(allocating);
        let all = |tasks: &[&TaskFacts], left_out| {
            Tasks { tasks: tasks.iter().copied().cloned().collect(), left_out }.all_allocate_without_fs()
        };
        let kswapd = TaskFacts { comm: "kswapd0".to_owned(), ..kernel.clone() };
        let memcg = TaskFacts { frames: vec!["try_to_free_mem_cgroup_pages".to_owned()], ..nofs.clone() };
        // Global reclaim goes through the cgroups, too.
        let global = TaskFacts { frames: vec!["mem_cgroup_iter".to_owned(), "shrink_node".to_owned()], ..nofs.clone() };
        assert!(all(&[&noio, &nofs, &task(7, 7, None), &kswapd, &global], 0));
        for tasks in [&[][..], &[&noio, &kernel], &[&noio, &unknown], &[&memcg], &[&kswapd]] {
            assert!(!all(tasks, 0), "{tasks:?}");
        }
        assert!(!all(&[&noio], 1), "one with __GFP_FS may be among those that are left out");
    }

    #[test]
    fn allocating_holder_is_found_through_other_locks() {
        let waits = |facts: TaskFacts, owner: u32| {
            let owner = Some(Task { pid: owner, comm: "t".to_owned() });
            TaskFacts { lock: Some(AwaitedLock { sort: "rwsem".to_owned(), owner }), ..facts }
        };
        let victim = task(7, 7, Some(false));
        let allocating = TaskFacts { allocates: true, ..TaskFacts::new(9, "dd", 'R') };
        let between = waits(TaskFacts::new(8, "cp", 'D'), 9);
        let holder = |tasks: &[&TaskFacts]| {
            let tasks = Tasks { tasks: tasks.iter().copied().cloned().collect(), left_out: 0 };
            tasks.allocating_holder(&victim).map(|facts| facts.pid)
        };
        let waiting = waits(victim.clone(), 9);
        assert_eq!(holder(&[&waiting, &allocating]), Some(9));
        assert_eq!(holder(&[&waits(victim.clone(), 8), &between, &allocating]), Some(9));
        let thread = waits(task(17, 7, Some(false)), 9);
        assert_eq!(holder(&[&victim, &thread, &allocating]), Some(9), "of another thread of the process");
        // One that does not allocate, one that is not known, none, a circle.
        assert_eq!(holder(&[&waiting, &TaskFacts::new(9, "dd", 'R')]), None);
        assert_eq!(holder(&[&waiting]), None);
        assert_eq!(holder(&[&victim, &allocating]), None);
        assert_eq!(holder(&[&waits(victim.clone(), 8), &waits(TaskFacts::new(8, "cp", 'D'), 7), &allocating]), None);
    }

    #[test]
    fn victim_is_the_only_one_without_the_flag() {
        let victim =
            |tasks: &[TaskFacts], left_out| Tasks { tasks: tasks.to_vec(), left_out }.victim().map(|facts| facts.pid);
        assert_eq!(victim(&[], 0), None);
        let [gone, unknown, thread, leader] =
            [task(7, 7, Some(true)), task(8, 8, None), task(27, 26, Some(false)), task(26, 26, Some(false))];
        let all = [gone, unknown, thread, leader];
        assert_eq!((victim(&all, 0), victim(&all[..3], 0)), (Some(26), Some(27)));
        assert_eq!(victim(&all, 1), None, "it may be among those that are left out");
        assert_eq!(victim(&[all[3].clone(), task(30, 30, Some(false))], 0), None);
    }
}
