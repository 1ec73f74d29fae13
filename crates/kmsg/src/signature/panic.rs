//! `Kernel panic - not syncing: …` (`kernel/panic.c`).

use super::FailureKind;
use super::head::{CulpritSource, Head, Role};
use super::kind::Family;
use super::oom;
use super::{ReportKind, Signature};
use crate::symbol;
use crate::text::stable;

const MARK: &str = "Kernel panic - not syncing: ";

/// The panic, sorted by its reason.
pub(super) const PANIC: Signature = Signature {
    name: "panic",
    needles: &[MARK],
    read: |text| {
        let before = &text[..text.find(MARK)?];
        if before.ends_with(['"', '\'', '`', '(', '|']) {
            return None;
        }
        let reason = text[before.len() + MARK.len()..].trim_end();
        // The line that ends a panic repeats its reason: `---[ end Kernel panic - not syncing: … ]---`.
        let closing = before.contains("---[ end");
        let reason = if closing { reason.trim_end_matches("]---").trim_end() } else { reason };
        let (kind, verdict) = sort(reason);
        let head = head(reason, kind).with_failure(verdict, reason);
        Some(if closing { head.closing() } else { head })
    },
};

fn head(reason: &str, kind: ReportKind) -> Head {
    let head = match kind.family() {
        Family::Oom => {
            return Head::new(kind, oom::words(kind), CulpritSource::Nowhere)
                .with_also(ReportKind::Panic)
                .with_role(Role::Refine(ReportKind::OomKill));
        }
        // The watchdogs panic behind their report; a panic alone says less.
        Family::Lockup | Family::Blocked => Head::new(kind, title(reason), CulpritSource::Entry),
        Family::Panic if kind == ReportKind::BootFailure => {
            return Head::new(kind, title(reason), CulpritSource::Nowhere)
                .with_also(ReportKind::Panic)
                .with_role(Role::Refine(ReportKind::BootFailure));
        }
        Family::Panic | Family::Allocation | Family::Bug => {
            return stack(reason)
                .unwrap_or_else(|| Head::new(kind, title(reason), CulpritSource::Nowhere))
                .with_role(Role::End);
        }
    };
    head.with_also(ReportKind::Panic).with_role(Role::End)
}

/// Panics that a function names: `corrupted stack end detected inside scheduler` (`kernel/sched/core.c`,
/// `schedule_debug()`), `stack-protector: Kernel stack is corrupted in: FUNCTION` (`kernel/panic.c`, `__stack_chk_fail()`;
/// an address alone before 4.18, when the trace has it).
fn stack(reason: &str) -> Option<Head> {
    if reason.contains("corrupted stack end") {
        return Some(Head::new(ReportKind::Panic, "panic: corrupted stack end", CulpritSource::Entry));
    }
    let (_, place) = reason.split_once("stack is corrupted in: ")?;
    let mut head = Head::new(ReportKind::Panic, "panic: stack is corrupted", CulpritSource::Function);
    head.function =
        symbol::leading(place).filter(|name| name.contains('_') || place.contains("+0x")).map(str::to_owned);
    Some(head)
}

/// The reason without what differs from boot to boot and without the advice behind it.
fn title(reason: &str) -> String {
    let reason = reason.split("  ").next().unwrap_or(reason);
    let reason = reason.split(" Try passing init=").next().unwrap_or(reason);
    let reason = reason.split(" exitcode=").next().unwrap_or(reason);
    format!("panic: {}", stable(reason))
}

/// Reasons: `mm/oom_kill.c` (`out_of_memory()`, `check_panic_on_oom()`), `kernel/exit.c`, `init/main.c`
/// (`kernel_init()`), `init/do_mounts.c`, `kernel/watchdog.c`, `kernel/hung_task.c`, `kernel/rcu/tree_stall.h`.
fn sort(reason: &str) -> (ReportKind, FailureKind) {
    const REASONS: &[(&str, ReportKind, FailureKind)] = &[
        ("System is deadlocked on memory", ReportKind::OomNoKillable, FailureKind::PanicDeadlockedOnMemory),
        ("Out of memory and no killable", ReportKind::OomNoKillable, FailureKind::PanicDeadlockedOnMemory),
        ("panic_on_oom is", ReportKind::PanicOnOom, FailureKind::PanicOnOom),
        ("Unable to mount root fs", ReportKind::BootFailure, FailureKind::BootFailure),
        ("No working init found", ReportKind::BootFailure, FailureKind::BootFailure),
        ("No init found", ReportKind::BootFailure, FailureKind::BootFailure),
        ("Requested init ", ReportKind::BootFailure, FailureKind::BootFailure),
        ("softlockup: hung tasks", ReportKind::SoftLockup, FailureKind::SoftLockup),
        ("hung_task: blocked tasks", ReportKind::HungTask, FailureKind::HungTask),
        ("Hard LOCKUP", ReportKind::HardLockup, FailureKind::HardLockup),
        ("detected hard LOCKUP", ReportKind::HardLockup, FailureKind::HardLockup),
        ("RCU Stall", ReportKind::RcuStall, FailureKind::RcuStall),
    ];
    if reason.contains("Attempted to kill init") {
        return (init_killed(reason), FailureKind::InitKilled);
    }
    let found = REASONS.iter().find(|(part, ..)| reason.contains(part));
    found.map_or((ReportKind::Panic, FailureKind::Panic), |(_, kind, verdict)| (*kind, *verdict))
}

/// An init that was killed by a signal is a crash; one that gave up with a status of its own did not find what it needs to
/// come up (`kernel/exit.c`, `do_exit()`: `exitcode=0x` and a wait status, whose low seven bits are the signal).
fn init_killed(reason: &str) -> ReportKind {
    let status = reason.split("exitcode=0x").nth(1).and_then(|digits| {
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        u32::from_str_radix(&digits[..end], 16).ok()
    });
    match status {
        Some(status) if status & 0x7f == 0 && status != 0 => ReportKind::BootFailure,
        _ => ReportKind::Panic,
    }
}
