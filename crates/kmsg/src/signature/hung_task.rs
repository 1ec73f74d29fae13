//! `INFO: task … blocked for more than … seconds.` (`kernel/hung_task.c`).

use super::FailureKind;
use super::head::{CulpritSource, Head, Role};
use super::{ReportKind, Signature};
use crate::task::Task;
use crate::text::{between, message};

/// khungtaskd's report; newer kernels also write `blocked in I/O wait for more than`, and linux-next wrote `can't die for
/// more than`.
pub(super) const HUNG_TASK: Signature = Signature {
    name: "hung-task",
    needles: &["INFO: task "],
    read: |text| {
        let text = message(text, "INFO: task ")?;
        let (verb, what) = [(" blocked ", "task hung"), (" can't die ", "task can't die")]
            .into_iter()
            .find(|(verb, _)| text.contains(verb) && text.contains(" for more than"))?;
        let task = Task::from_comm_colon_pid(between(text, "INFO: task ", verb)?)?;
        let title = format!("hung task {}", task.comm);
        let head = Head::new(ReportKind::HungTask, what, CulpritSource::Trace).with_task(Some(task.into()));
        Some(head.with_failure(FailureKind::HungTask, title))
    },
};

/// What khungtaskd prints behind that line, where a log does not have it: the advice, and since 6.16 the task that it waits for.
pub(super) const ADVICE: Signature = Signature {
    name: "hung-task-advice",
    needles: &["/proc/sys/kernel/hung_task_timeout_secs\" disables this message", " likely owned by task "],
    read: |text| {
        let head = Head::new(ReportKind::HungTask, "task hung", CulpritSource::Trace).with_role(Role::Fragment);
        let Some(text) = message(text, "INFO: task ") else {
            return text.trim_start().starts_with("\"echo 0 > /proc/").then_some(head);
        };
        let task = Task::from_comm_colon_pid(between(text, "INFO: task ", " is blocked on a ")?)?;
        Some(head.with_task(Some(task.into())))
    },
};
