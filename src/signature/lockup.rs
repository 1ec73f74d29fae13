//! The lockup watchdogs (`kernel/watchdog.c`, `kernel/workqueue.c`).

use super::text::{between, comm_colon_pid};
use super::{Finding, Signature};
use crate::model::Kind;

/// `watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [COMM:PID]`.
pub(super) const SOFT: Signature = Signature {
    name: "soft-lockup",
    needles: &["BUG: soft lockup - CPU#"],
    read: |text| {
        let task = between(text, "! [", "]").and_then(comm_colon_pid);
        let title = task.as_ref().map_or("soft lockup".to_owned(), |task| format!("soft lockup in {}", task.comm));
        Some(Finding::trouble(Kind::SoftLockup, title, task))
    },
};

/// `Watchdog detected hard LOCKUP on cpu 0` (`kernel/watchdog.c`, `watchdog_hardlockup_check()`).
pub(super) const HARD: Signature = Signature {
    name: "hard-lockup",
    needles: &["Watchdog detected hard LOCKUP on cpu"],
    read: |_| Some(Finding::trouble(Kind::HardLockup, "hard lockup", None)),
};

/// `BUG: workqueue lockup - pool … stuck for …s!`.
pub(super) const WORKQUEUE: Signature = Signature {
    name: "workqueue-lockup",
    needles: &["BUG: workqueue lockup - pool"],
    read: |_| Some(Finding::trouble(Kind::WorkqueueLockup, "workqueue lockup", None)),
};
