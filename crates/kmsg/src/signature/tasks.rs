//! The lines of a report that say which task it is about.

use crate::task::TaskRef;
use crate::text::number;
use crate::trace;

/// The task that ran: `CPU: 0 PID: 12 Comm: name Not tainted …` (`lib/dump_stack.c`, `dump_stack_print_info()`; `Pid: 12, comm:
/// name Not tainted …` before 3.10); `Process name (pid: 12, …)` (`kernel/traps.c` of m68k, mips, arm, and of x86 before 2.6.26);
/// `in_atomic(): 1, …, pid: 12, name: name` (`kernel/sched/core.c`, `__might_resched()`).
pub(super) fn current(line: &str) -> Option<TaskRef> {
    /// What stands behind a comm.
    const ENDS: [&str; 3] = [" Kdump: loaded", " Not tainted", " Tainted: "];
    let (pid, comm) = if let Some(rest) = line.strip_prefix("CPU: ") {
        let (_, rest) = rest.split_once("PID: ")?;
        (rest, rest.split_once(" Comm: ")?.1)
    } else if let Some(rest) = line.strip_prefix("Pid: ") {
        rest.split_once(", comm: ")?
    } else if let Some(rest) = line.strip_prefix("Process ") {
        let (comm, pid) = rest.split_once(" (pid: ")?;
        (pid, comm)
    } else {
        line.strip_prefix("in_atomic(): ")?.split_once(", pid: ")?.1.split_once(", name: ")?
    };
    let end = ENDS.iter().filter_map(|end| comm.find(end)).min().unwrap_or(comm.len());
    Some(TaskRef { pid: number(pid), comm: comm[..end].trim_end().to_owned() })
}

/// The task that acquires the lock of a lockdep report: `COMM/PID is trying to acquire lock:`, `COMM/PID [HC0[0]:SC0[0]:HE1:SE1]
/// takes:` (`kernel/locking/lockdep.c`).
pub(super) fn locking(line: &str) -> Option<TaskRef> {
    let (task, _) = line.split_once(" is trying to ").or_else(|| line.split_once(" [HC"))?;
    TaskRef::from_comm_slash_pid(task)
}

/// The task of a stalled CPU that is dumped. Not the kthread that ends RCU's grace periods: it is shown because it gets no CPU
/// (`kernel/rcu/tree_stall.h`, `rcu_check_gp_kthread_starvation()`).
pub(super) fn dumped(line: &str) -> Option<TaskRef> {
    trace::task(line).filter(|task| !["rcu_sched", "rcu_preempt", "rcu_bh"].contains(&task.comm.as_str()))
}

/// The same before 5.12.
pub(super) fn dumped_on_a_line(line: &str) -> Option<TaskRef> {
    trace::task_in_state(line, " R ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_read() {
        for line in [
            "CPU: 0 PID: 12 Comm: a b Not tainted 6.1.0 #1",
            "CPU: 0 UID: 0 PID: 12 Comm: a b Tainted: G        W 6.12.0 #1",
            "Pid: 12, comm: a b Not tainted 2.6.36 #29",
            "Process a b (pid: 12, threadinfo=d7568000 task=f4ea99b0)",
            "in_atomic(): 1, irqs_disabled(): 128, non_block: 0, pid: 12, name: a b",
            "task:a b             state:R  running task     stack:0     pid:12   ppid:1      flags:0x00000202",
            "a b             R  running task        0    12      1 0x00000202",
        ] {
            let known = [current, dumped, dumped_on_a_line].iter().find_map(|read| read(line));
            assert_eq!(known, Some(TaskRef { pid: Some(12), comm: "a b".to_owned() }), "{line}");
        }
    }

    #[test]
    fn other_lines_name_no_task() {
        for line in ["a b/12 is trying to acquire lock:", "a b/12 [HC0[0]:SC1[1]:HE1:SE0] takes:"] {
            assert_eq!(locking(line), Some(TaskRef { pid: Some(12), comm: "a b".to_owned() }), "{line}");
        }
        assert_eq!(locking("it is trying to help"), None);
        for line in
            ["CPU: 0", "Process accounting resumed", "PID: 12 Comm: x", "in_atomic(): 1", "task:x", "a R b", "a R 0x1"]
        {
            assert!([current, dumped, dumped_on_a_line].iter().all(|read| read(line).is_none()), "{line}");
        }
    }
}
