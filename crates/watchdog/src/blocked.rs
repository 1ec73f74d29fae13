//! What the kernel answers to sysrq-w: its blocked tasks and where they sleep (`kernel/sched/core.c`, `sched_show_task()`).

use kmsg::functions::Subsystem;
use kmsg::{TaskRef, trace};
use model::Task;

/// Tasks and frames that are kept: the guest is hostile and may print without end.
const MOST_TASKS: usize = 64;
const MOST_FRAMES: usize = 32;

/// A sleeping task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sleeper {
    pub task: Task,
    /// The functions that it is in, innermost first.
    pub frames: Vec<String>,
}

impl Sleeper {
    /// Whether it is in the allocator or in reclaim.
    pub fn allocates(&self) -> bool {
        self.is_in(&[Subsystem::Allocator, Subsystem::Reclaim, Subsystem::Throttle])
    }

    /// What it waits for: the innermost place that says something.
    pub fn waits_in(&self) -> Option<Subsystem> {
        self.frames.iter().find_map(|frame| Subsystem::of(frame))
    }

    fn is_in(&self, places: &[Subsystem]) -> bool {
        self.frames.iter().filter_map(|frame| Subsystem::of(frame)).any(|place| places.contains(&place))
    }
}

/// Reads the answer line by line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sleepers {
    pub all: Vec<Sleeper>,
}

impl Sleepers {
    /// Takes a console line, its printk prefix already stripped.
    pub fn take(&mut self, text: &str) {
        if let Some(task) = trace::blocked_task(text.trim()).as_ref().and_then(TaskRef::task) {
            if self.all.len() < MOST_TASKS {
                self.all.push(Sleeper { task, frames: Vec::new() });
            }
        } else if let (Some(frame), Some(sleeper)) = (trace::frame(text), self.all.last_mut())
            // What the unwinder doubts is a leftover.
            && frame.is_reliable
        {
            let last = sleeper.frames.last().map(String::as_str);
            let room = MOST_FRAMES.saturating_sub(sleeper.frames.len());
            sleeper.frames.extend(frame.functions(last).take(room).map(str::to_owned));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Sleeper> {
        let mut sleepers = Sleepers::default();
        text.lines().for_each(|line| sleepers.take(line));
        sleepers.all
    }

    #[test]
    fn both_forms_are_read() {
        let new = "task:kworker/u4:1    state:D stack:    0 pid:   26 ppid:     2 flags:0x00004000\nCall Trace:\n <TASK>\n \
                   __schedule+0x2d1/0x870\n ? leftover+0x1/0x2\n rwsem_down_write_slowpath+0x2f1/0x520\n do_exit+0x1/0x2\n";
        let old = "hog             D    0    26      1 0x00000000\n[<ffffffff8100aa>] schedule+0x3d/0x90\n \
                   [<ffffffff8100ab>] rwsem_down_write_slowpath+0x1/0x2";
        let [new, old] = [read(new), read(old)];
        assert_eq!(new[0].task, Task { pid: 26, comm: "kworker/u4:1".to_owned() });
        assert_eq!(new[0].frames, ["__schedule", "rwsem_down_write_slowpath", "do_exit"]);
        assert_eq!((old[0].task.pid, old[0].task.comm.as_str()), (26, "hog"));
        assert_eq!(old[0].frames, ["schedule", "rwsem_down_write_slowpath"]);
        assert_eq!(old[0].waits_in(), Some(Subsystem::Lock));
        assert!(!old[0].allocates());
    }

    #[test]
    fn what_an_allocating_task_waits_for_is_its_innermost_place() {
        let text = "task:dd state:D stack:0 pid:7 ppid:1\n schedule+0x1/0x2\n reclaim_throttle+0x1/0x2\n shrink_node+0x1/0x2\n \
                    __alloc_pages_slowpath+0x1/0x2\n ext4_write_begin+0x1/0x2";
        let sleepers = read(text);
        assert_eq!(sleepers[0].waits_in(), Some(Subsystem::Throttle));
        assert!(sleepers[0].allocates());
    }

    #[test]
    fn other_lines_are_nobody() {
        assert_eq!(read("Mem-Info:\nDMA: 1*4kB (U) 2+3\n a+b\nsome D thing\n+0x1/0x2"), []);
        let long = "c".repeat(32);
        for comm in ["", "  ", &long] {
            assert_eq!(read(&format!("{comm} D    0    26      1 0x00000000")), [], "{comm:?}");
        }
        assert_eq!(read(&format!("{} D    0    26      1 0x0", &long[1..])).len(), 1);
    }

    #[test]
    fn an_endless_answer_is_cut() {
        let mut sleepers = Sleepers::default();
        for pid in 0..1000 {
            sleepers.take(&format!("task:a state:D stack:0 pid:{pid} ppid:1"));
            (0..100).for_each(|_| sleepers.take(" f+0x1/0x2"));
        }
        assert_eq!((sleepers.all.len(), sleepers.all[63].frames.len()), (MOST_TASKS, MOST_FRAMES));
    }
}
