//! The lockup watchdogs (`kernel/watchdog.c`, `kernel/workqueue.c`).

use super::FailureKind;
use super::head::{CulpritSource, Head, Role};
use super::{ReportKind, Signature};
use crate::task::Task;
use crate::text::{between, message};

/// `watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [COMM:PID]`.
pub(super) const SOFT: Signature = Signature {
    name: "soft-lockup",
    needles: &["BUG: soft lockup"],
    read: |text| {
        let text = message(text, "BUG: soft lockup")?;
        let task = between(text, "! [", "]").and_then(Task::from_comm_colon_pid);
        let title = task.as_ref().map_or("soft lockup".to_owned(), |task| format!("soft lockup in {}", task.comm));
        let head =
            Head::new(ReportKind::SoftLockup, "soft lockup", CulpritSource::Entry).with_task(task.map(Into::into));
        Some(head.with_failure(FailureKind::SoftLockup, title))
    },
};

/// `Watchdog detected hard LOCKUP on cpu 0` (`kernel/watchdog.c`, `watchdog_hardlockup_check()`; `kernel/watchdog_hld.c`,
/// `watchdog_overflow_callback()`, where before 4.1 it is the text of a warning); powerpc says `CPU 0 self-detected hard
/// LOCKUP @ …` and `detected hard LOCKUP on other CPUs` (`arch/powerpc/kernel/watchdog.c`; in 4.13 and 4.14 `Watchdog CPU:0 Hard LOCKUP`).
pub(super) const HARD: Signature = Signature {
    name: "hard-lockup",
    needles: &["detected hard LOCKUP", "Watchdog detected LOCKUP on CPU", " Hard LOCKUP"],
    read: |text| {
        if text.contains("Kernel panic") || text.contains(['"', '\'']) {
            return None;
        }
        let known = ["detected hard LOCKUP on cpu", "detected hard LOCKUP @", "detected hard LOCKUP on other CPUs"]
            .iter()
            .any(|part| text.contains(part))
            || text.contains("Watchdog detected LOCKUP on CPU")
            || (text.contains("CPU:") || text.contains("CPU "))
                && (text.ends_with(" Hard LOCKUP") || text.contains(" detected Hard LOCKUP other CPUs:"));
        let place = text.split_once("LOCKUP @ ").map_or("", |(_, place)| place);
        let head = Head::new(ReportKind::HardLockup, "hard lockup", CulpritSource::Entry).at(place);
        known.then(|| {
            head.with_role(Role::Refine(ReportKind::Warning)).with_failure(FailureKind::HardLockup, "hard lockup")
        })
    },
};

/// `BUG: workqueue lockup - pool … stuck for …s!`.
pub(super) const WORKQUEUE: Signature = Signature {
    name: "workqueue-lockup",
    needles: &["BUG: workqueue lockup - pool"],
    read: |text| {
        message(text, "BUG: workqueue lockup - pool")?;
        let head = Head::new(ReportKind::WorkqueueLockup, "workqueue lockup", CulpritSource::Nowhere);
        Some(
            head.with_role(Role::Append(ReportKind::WorkqueueLockup))
                .with_failure(FailureKind::WorkqueueLockup, "workqueue lockup"),
        )
    },
};
