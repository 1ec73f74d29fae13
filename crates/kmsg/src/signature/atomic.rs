//! Sleeping where that is forbidden (`kernel/sched/core.c`).

use super::head::{CulpritSource, Head};
use super::{ReportKind, Signature};
use crate::task::TaskRef;
use crate::text::message;

/// `BUG: sleeping function called from invalid context at FILE:LINE` (`__might_resched()`), `BUG: scheduling while atomic:
/// COMM/PID/0x…` (`__schedule_bug()`), `bad: scheduling from the idle thread!` (`dequeue_task_idle()`).
pub(super) const ATOMIC: Signature = Signature {
    name: "atomic-sleep",
    needles: &[
        "BUG: sleeping function called from invalid context",
        "BUG: scheduling while atomic: ",
        "BUG: scheduling with irqs disabled: ",
        "BUG: atomic section",
        "bad: scheduling from the idle thread",
    ],
    read: |text| {
        if message(text, "BUG: sleeping function called from invalid context").is_some() {
            return Some(head("sleeping function called from invalid context"));
        }
        if message(text, "bad: scheduling from the idle thread").is_some() {
            return Some(head("scheduling from the idle thread"));
        }
        let text = message(text, "BUG: scheduling w")?;
        let (words, task) = text.strip_prefix("BUG: ")?.split_once(": ")?;
        let task = task.rsplit_once('/').and_then(|(task, _)| TaskRef::from_comm_slash_pid(task));
        Some(head(words).with_task(task))
    },
};

fn head(words: &str) -> Head {
    Head::new(ReportKind::AtomicSleep, words, CulpritSource::Trace)
}
