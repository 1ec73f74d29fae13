//! The lock validator (`kernel/locking/lockdep.c`, `kernel/locking/rtmutex-debug.c`).

use super::head::{CulpritSource, Head};
use super::{ReportKind, Signature};

/// What lockdep says, and what titles call it. Since 4.11 behind `WARNING: `; before in brackets, behind `INFO: ` or
/// `BUG: `.
const SAYINGS: &[(&str, &str)] = &[
    ("possible circular locking dependency detected", "possible deadlock"),
    ("possible recursive locking detected", "possible deadlock"),
    ("possible irq lock inversion dependency detected", "possible deadlock"),
    ("possible deadlock detected", "possible deadlock"),
    ("circular locking deadlock detected", "possible deadlock"),
    ("-unsafe lock order detected", "possible deadlock"),
    ("inconsistent lock state", "inconsistent lock state"),
    ("suspicious RCU usage", "suspicious RCU usage"),
    ("suspicious rcu_dereference", "suspicious RCU usage"),
    ("bad unlock balance detected", "bad unlock balance"),
    ("bad contention detected", "bad contention"),
    ("held lock freed", "held lock freed"),
    ("lock held when returning to user space", "lock held when returning to user space"),
    ("lock held at task exit time", "lock held at task exit"),
    ("still has locks held", "still has locks held"),
    ("Nested lock was not taken", "nested lock was not taken"),
    ("Invalid wait context", "invalid wait context"),
    ("trying to register non-static key", "trying to register non-static key"),
];

/// The headline of a report of lockdep.
pub(super) const LOCKDEP: Signature = Signature {
    name: "lockdep",
    needles: &[
        "possible circular locking dependency detected",
        "possible recursive locking detected",
        "possible irq lock inversion dependency detected",
        "possible deadlock detected",
        "circular locking deadlock detected",
        "-unsafe lock order detected",
        "inconsistent lock state",
        "suspicious RCU usage",
        "suspicious rcu_dereference",
        "bad unlock balance detected",
        "bad contention detected",
        "held lock freed",
        "lock held when returning to user space",
        "lock held at task exit time",
        "still has locks held",
        "Nested lock was not taken",
        "Invalid wait context",
        "trying to register non-static key",
    ],
    read: |text| {
        let said = text.trim_start().trim_start_matches("[ ");
        let rest =
            ["WARNING: ", "INFO: ", "BUG: "].iter().find_map(|start| said.strip_prefix(start)).or_else(|| {
                // `===[ BUG: … ]===` has the brackets on a line of its own; `-safe -> -unsafe` has no word before it.
                said.contains("-unsafe lock order detected").then_some(said)
            })?;
        let (_, words) = SAYINGS.iter().find(|(saying, _)| rest.contains(saying))?;
        let held = ["still has", "when returning", "at task exit"].iter().any(|part| words.contains(part));
        let place = match *words {
            "suspicious RCU usage" | "trying to register non-static key" => CulpritSource::Trace,
            _ if held => CulpritSource::HeldLock,
            _ => CulpritSource::Lock,
        };
        Some(Head::new(ReportKind::Lockdep, *words, place))
    },
};
