//! `INFO: task … blocked for more than … seconds.` (`kernel/hung_task.c`).

use super::FailureKind;
use super::finding::{Blocker, Finding};
use super::head::{CulpritSource, Head, Role};
use super::{ReportKind, Signature};
use crate::task::Task;
use crate::text::{between, message};

const HEAD: &str = "INFO: task ";

/// khungtaskd's report; newer kernels also write `blocked in I/O wait for more than`, and linux-next wrote `can't die for
/// more than`.
pub(super) const HUNG_TASK: Signature = Signature {
    name: "hung-task",
    needles: &[HEAD],
    read: |text| {
        let text = message(text, HEAD)?;
        let (verb, what) = [(" blocked ", "task hung"), (" can't die ", "task can't die")]
            .into_iter()
            .find(|(verb, _)| text.contains(verb) && text.contains(" for more than"))?;
        let task = Task::from_comm_colon_pid(between(text, HEAD, verb)?)?;
        let title = format!("hung task {}", task.comm);
        let head = Head::new(ReportKind::HungTask, what, CulpritSource::Trace).with_task(Some(task.into()));
        Some(head.with_failure(FailureKind::HungTask, title))
    },
};

/// The advice that khungtaskd prints behind that line, where a log does not have it.
pub(super) const ADVICE: Signature = Signature {
    name: "hung-task-advice",
    needles: &["/proc/sys/kernel/hung_task_timeout_secs\" disables this message"],
    read: |text| text.trim_start().starts_with("\"echo 0 > /proc/").then(fragment),
};

/// The lock that the task waits for, and its owner (`debug_show_blocker()`): mutexes since 6.15, semaphores and rwsems in later
/// kernels. The owner of an rwsem may be any of its readers.
pub(super) const BLOCKER: Signature = Signature {
    name: "hung-task-blocker",
    needles: &[" likely owned by task ", " likely last held by task "],
    read: |text| {
        const LOCKS: [(&str, &str); 3] = [
            ("mutex", " is blocked on a mutex likely owned by task "),
            ("semaphore", " blocked on a semaphore likely last held by task "),
            ("rwsem", "> blocked on an rw-semaphore likely owned by task "),
        ];
        let text = message(text, HEAD)?.strip_prefix(HEAD)?;
        let (lock, waiter, owner) = LOCKS
            .iter()
            .find_map(|(lock, verb)| text.split_once(verb).map(|(waiter, owner)| (*lock, waiter, owner)))?;
        let waiter = Task::from_comm_colon_pid(waiter)?;
        let owner = Task::from_comm_colon_pid(owner)?;
        let head = fragment().with_task(Some(waiter.clone().into()));
        Some(head.with_finding(Finding::Blocker(Blocker { lock, waiter, owner })))
    },
};

fn fragment() -> Head {
    Head::new(ReportKind::HungTask, "task hung", CulpritSource::Trace).with_role(Role::Fragment)
}
