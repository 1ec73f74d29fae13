//! What the kernel itself reports.

use crate::trial::Trial;
use oomlab::model::{Kind, Outcome};

#[test]
fn the_first_report_of_the_kernel_decides() {
    let mut trial = Trial::booted();
    trial.line("[    2.000000] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010");
    trial.line("[    2.000001] Oops [#1]");
    trial.line("[    2.100000] Kernel panic - not syncing: Fatal exception");
    trial.exit(Some(0), None);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::Oops, Outcome::Crash));
    assert_eq!(verdict.onset.unwrap().guest_s, Some(2.0));
}

#[test]
fn panics_are_sorted_by_their_reason() {
    for (reason, kind) in [
        ("System is deadlocked on memory", Kind::PanicDeadlockedOnMemory),
        ("Out of memory: compulsory panic_on_oom is enabled", Kind::PanicOnOom),
        ("Attempted to kill init! exitcode=0x00000009", Kind::InitKilled),
        ("Fatal exception in interrupt", Kind::Panic),
    ] {
        let mut trial = Trial::booted();
        trial.line(&format!("[    3.000000] Kernel panic - not syncing: {reason}"));
        trial.exit(Some(0), None);
        assert_eq!(trial.verdict().kind, kind);
    }
}

#[test]
fn detectors_of_the_kernel_give_their_kind_and_task() {
    for (line, kind, task) in [
        ("INFO: task kworker/0:1:17 blocked for more than 120 seconds.", Kind::HungTask, Some(17)),
        ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]", Kind::SoftLockup, Some(26)),
        ("rcu: INFO: rcu_sched self-detected stall on CPU", Kind::RcuStall, None),
        ("BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!", Kind::WorkqueueLockup, None),
        ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 0", Kind::HardLockup, None),
    ] {
        let mut trial = Trial::booted();
        trial.line(&format!("[    9.000000] {line}"));
        trial.seconds(5, 1.0, 0.0, true);
        let verdict = trial.verdict();
        assert_eq!((verdict.kind, verdict.task.map(|task| task.pid)), (kind, task), "{line}");
    }
}
