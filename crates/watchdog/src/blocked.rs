//! The answer to sysrq-w: blocked tasks and their stacks (`kernel/sched/core.c`, `sched_show_task()`).

use kmsg::functions::Subsystem;
use kmsg::{TaskRef, trace};
use model::{Evidence, Task};

/// Tasks and frames that are kept: the guest is hostile and may print without end.
const MAX_TASKS: usize = 64;
const MAX_FRAMES: usize = 32;

/// A task in state D.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockedTask {
    pub task: Task,
    /// The functions that it is in, innermost first.
    pub frames: Vec<String>,
}

impl BlockedTask {
    /// The evidence for a verdict.
    pub fn evidence(&self) -> Evidence {
        Evidence::BlockedTask { pid: self.task.pid, comm: self.task.comm.clone(), frames: self.frames.clone() }
    }

    /// Whether it is in the allocator or in reclaim.
    pub fn allocates(&self) -> bool {
        self.is_in(&[Subsystem::Allocator, Subsystem::Reclaim, Subsystem::Throttle])
    }

    /// What it waits for: the innermost known subsystem.
    pub fn blocked_in(&self) -> Option<Subsystem> {
        self.frames.iter().find_map(|frame| Subsystem::of(frame))
    }

    fn is_in(&self, subsystems: &[Subsystem]) -> bool {
        self.frames.iter().filter_map(|frame| Subsystem::of(frame)).any(|found| subsystems.contains(&found))
    }
}

/// Reads the answer line by line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BlockedTasks {
    pub all: Vec<BlockedTask>,
}

impl BlockedTasks {
    /// The next message.
    pub fn on_message(&mut self, text: &str) {
        if let Some(task) = trace::blocked_task(text.trim()).as_ref().and_then(TaskRef::task) {
            if self.all.len() < MAX_TASKS {
                self.all.push(BlockedTask { task, frames: Vec::new() });
            }
        } else if let (Some(frame), Some(blocked)) = (trace::frame(text), self.all.last_mut())
            // What the unwinder doubts is a leftover.
            && frame.is_reliable
        {
            let last = blocked.frames.last().map(String::as_str);
            let room = MAX_FRAMES.saturating_sub(blocked.frames.len());
            blocked.frames.extend(frame.functions(last).take(room).map(str::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<BlockedTask> {
        let mut blocked_tasks = BlockedTasks::default();
        text.lines().for_each(|line| blocked_tasks.on_message(line));
        blocked_tasks.all
    }

    #[test]
    fn sysrq_w_formats() {
        let new = "task:kworker/u4:1    state:D stack:    0 pid:   26 ppid:     2 flags:0x00004000\nCall Trace:\n <TASK>\n \
                   __schedule+0x2d1/0x870\n ? leftover+0x1/0x2\n rwsem_down_write_slowpath+0x2f1/0x520\n do_exit+0x1/0x2\n";
        let old = "hog             D    0    26      1 0x00000000\n[<ffffffff8100aa>] schedule+0x3d/0x90\n \
                   [<ffffffff8100ab>] rwsem_down_write_slowpath+0x1/0x2";
        let [new, old] = [read(new), read(old)];
        assert_eq!(new[0].task, Task { pid: 26, comm: "kworker/u4:1".to_owned() });
        assert_eq!(new[0].frames, ["__schedule", "rwsem_down_write_slowpath", "do_exit"]);
        assert_eq!((old[0].task.pid, old[0].task.comm.as_str()), (26, "hog"));
        assert_eq!(old[0].frames, ["schedule", "rwsem_down_write_slowpath"]);
        assert_eq!(old[0].blocked_in(), Some(Subsystem::Lock));
        assert!(!old[0].allocates());
    }

    #[test]
    fn blocked_in_is_the_innermost_subsystem() {
        let text = "task:dd state:D stack:0 pid:7 ppid:1\n schedule+0x1/0x2\n reclaim_throttle+0x1/0x2\n shrink_node+0x1/0x2\n \
                    __alloc_pages_slowpath+0x1/0x2\n ext4_write_begin+0x1/0x2";
        let blocked_tasks = read(text);
        assert_eq!(blocked_tasks[0].blocked_in(), Some(Subsystem::Throttle));
        assert!(blocked_tasks[0].allocates());
    }

    #[test]
    fn sysrq_w_ignores_other_lines() {
        assert_eq!(read("Mem-Info:\nDMA: 1*4kB (U) 2+3\n a+b\nsome D thing\n+0x1/0x2"), []);
        let long = "c".repeat(32);
        for comm in ["", "  ", &long] {
            assert_eq!(read(&format!("{comm} D    0    26      1 0x00000000")), [], "{comm:?}");
        }
        assert_eq!(read(&format!("{} D    0    26      1 0x0", &long[1..])).len(), 1);
    }

    #[test]
    fn sysrq_w_answer_is_bounded() {
        let mut blocked_tasks = BlockedTasks::default();
        for pid in 0..1000 {
            blocked_tasks.on_message(&format!("task:a state:D stack:0 pid:{pid} ppid:1"));
            (0..100).for_each(|_| blocked_tasks.on_message(" f+0x1/0x2"));
        }
        assert_eq!((blocked_tasks.all.len(), blocked_tasks.all[63].frames.len()), (MAX_TASKS, MAX_FRAMES));
    }
}
