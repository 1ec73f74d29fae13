//! What only a detector prints, in a log that does not have the first line of its report.

use super::age::stall_age;
use super::head::{CulpritSource, Head, Role};
use super::kind::ReportKind as K;
use super::{ReportKind, Signature};
use crate::symbol;
use crate::trace::frame;

/// A part of a report, the kind of the report, what titles call it, and where its culprit is found.
type Row = (&'static str, ReportKind, &'static str, CulpritSource);

/// Functions that run only while their detector reports.
const FUNCTIONS: &[Row] = &[
    // lib/ubsan.c
    ("ubsan_epilogue", K::Sanitizer, "UBSAN", CulpritSource::Trace),
    ("__ubsan_handle_add_overflow", K::Sanitizer, "UBSAN: signed-integer-overflow", CulpritSource::Trace),
    ("__ubsan_handle_sub_overflow", K::Sanitizer, "UBSAN: signed-integer-overflow", CulpritSource::Trace),
    ("__ubsan_handle_mul_overflow", K::Sanitizer, "UBSAN: signed-integer-overflow", CulpritSource::Trace),
    ("__ubsan_handle_negate_overflow", K::Sanitizer, "UBSAN: negation-overflow", CulpritSource::Trace),
    ("__ubsan_handle_divrem_overflow", K::Sanitizer, "UBSAN: division-overflow", CulpritSource::Trace),
    ("__ubsan_handle_type_mismatch", K::Sanitizer, "UBSAN: type mismatch", CulpritSource::Trace),
    ("__ubsan_handle_type_mismatch_v1", K::Sanitizer, "UBSAN: type mismatch", CulpritSource::Trace),
    ("__ubsan_handle_out_of_bounds", K::Sanitizer, "UBSAN: array-index-out-of-bounds", CulpritSource::Trace),
    ("__ubsan_handle_shift_out_of_bounds", K::Sanitizer, "UBSAN: shift-out-of-bounds", CulpritSource::Trace),
    ("__ubsan_handle_load_invalid_value", K::Sanitizer, "UBSAN: invalid-load", CulpritSource::Trace),
    ("__ubsan_handle_builtin_unreachable", K::Sanitizer, "UBSAN: unreachable", CulpritSource::Trace),
    // mm/kasan/report.c, mm/kfence/report.c, mm/kmsan/report.c, kernel/kcsan/report.c
    ("kasan_report", K::Sanitizer, "KASAN", CulpritSource::Trace),
    ("kasan_report_invalid_free", K::Sanitizer, "KASAN: invalid-free", CulpritSource::Trace),
    ("kfence_report_error", K::Sanitizer, "KFENCE", CulpritSource::Trace),
    ("kmsan_report", K::Sanitizer, "KMSAN", CulpritSource::Trace),
    ("kcsan_report_known_origin", K::Sanitizer, "KCSAN: data-race", CulpritSource::Trace),
    ("kcsan_report_unknown_origin", K::Sanitizer, "KCSAN: data-race", CulpritSource::Trace),
    // kernel/rcu/tree_stall.h; compilers put the printing part of the tick's check into rcu_sched_clock_irq() (kernel/rcu/tree.c)
    ("rcu_dump_cpu_stacks", K::RcuStall, "rcu stall", CulpritSource::Entry),
    ("print_cpu_stall", K::RcuStall, "rcu stall", CulpritSource::Entry),
    ("print_other_cpu_stall", K::RcuStall, "rcu stall", CulpritSource::Entry),
    ("rcu_sched_clock_irq", K::RcuStall, "rcu stall", CulpritSource::Entry),
    // kernel/watchdog_hld.c, kernel/watchdog.c; softlockup_tick() until 2.6.36
    ("watchdog_overflow_callback", K::HardLockup, "hard lockup", CulpritSource::Entry),
    ("watchdog_hardlockup_check", K::HardLockup, "hard lockup", CulpritSource::Entry),
    ("watchdog_timer_fn", K::SoftLockup, "soft lockup", CulpritSource::Entry),
    ("softlockup_tick", K::SoftLockup, "soft lockup", CulpritSource::Entry),
    // kernel/hung_task.c, kernel/workqueue.c
    ("check_hung_uninterruptible_tasks", K::HungTask, "task hung", CulpritSource::Nowhere),
    ("wq_watchdog_timer_fn", K::WorkqueueLockup, "workqueue lockup", CulpritSource::Nowhere),
    // kernel/locking/lockdep.c
    ("print_circular_bug", K::Lockdep, "possible deadlock", CulpritSource::Lock),
    ("print_deadlock_bug", K::Lockdep, "possible deadlock", CulpritSource::Lock),
    ("print_irq_inversion_bug", K::Lockdep, "possible deadlock", CulpritSource::Lock),
    ("print_bad_irq_dependency", K::Lockdep, "possible deadlock", CulpritSource::Lock),
    ("print_usage_bug", K::Lockdep, "inconsistent lock state", CulpritSource::Lock),
    ("print_unlock_imbalance_bug", K::Lockdep, "bad unlock balance", CulpritSource::Lock),
    ("print_lock_invalid_wait_context", K::Lockdep, "invalid wait context", CulpritSource::Lock),
    ("lockdep_rcu_suspicious", K::Lockdep, "suspicious RCU usage", CulpritSource::Trace),
    // kernel/sched/core.c; ___might_sleep() until 5.16
    ("__schedule_bug", K::AtomicSleep, "scheduling while atomic", CulpritSource::Trace),
    ("__might_resched", K::AtomicSleep, "sleeping function called from invalid context", CulpritSource::Trace),
    ("___might_sleep", K::AtomicSleep, "sleeping function called from invalid context", CulpritSource::Trace),
    // kernel/panic.c; vpanic() since 6.15. Command lines have `panic=`.
    ("__warn", K::Warning, "WARNING", CulpritSource::Trace),
    ("warn_slowpath_fmt", K::Warning, "WARNING", CulpritSource::Trace),
    ("warn_slowpath_common", K::Warning, "WARNING", CulpritSource::Trace),
    ("panic+0x", K::Panic, "panic", CulpritSource::Nowhere),
    ("vpanic+0x", K::Panic, "panic", CulpritSource::Nowhere),
];

/// What lines behind the first begin with.
const WORDS: &[Row] = &[
    // mm/kasan/report.c, print_address_description(), print_memory_metadata()
    ("The buggy address belongs to ", K::Sanitizer, "KASAN", CulpritSource::Trace),
    ("Memory state around the buggy address", K::Sanitizer, "KASAN", CulpritSource::Trace),
    // kernel/locking/lockdep.c, print_circular_lock_scenario(), print_deadlock_scenario()
    ("Possible unsafe locking scenario", K::Lockdep, "possible deadlock", CulpritSource::Lock),
    // kernel/rcu/tree_stall.h, rcu_check_gp_kthread_starvation()
    ("rcu: RCU grace-period kthread stack dump", K::RcuStall, "rcu stall", CulpritSource::Entry),
];

/// The line with the age of an RCU stall, a few lines below the first (`kernel/rcu/tree_stall.h`, `print_cpu_stall()`).
const AGES: [&str; 2] = [" jiffies g=", " jiffies, g="];

const NEEDLES: [&str; FUNCTIONS.len() + WORDS.len() + AGES.len()] = {
    let (mut all, mut at) = ([""; FUNCTIONS.len() + WORDS.len() + AGES.len()], 0);
    while at < all.len() {
        all[at] = if at < FUNCTIONS.len() {
            FUNCTIONS[at].0
        } else if at < FUNCTIONS.len() + WORDS.len() {
            WORDS[at - FUNCTIONS.len()].0
        } else {
            AGES[at - FUNCTIONS.len() - WORDS.len()]
        };
        at += 1;
    }
    all
};

/// A detector's functions in a call trace, and the lines behind its first.
pub(super) const TRACE: Signature = Signature {
    name: "detector-trace",
    needles: &NEEDLES,
    read: |text| {
        if AGES.iter().any(|age| text.contains(age)) && stall_age(text).is_some() {
            return Some(fragment(&(AGES[0], K::RcuStall, "rcu stall", CulpritSource::Entry)));
        }
        if let Some(row) = WORDS.iter().find(|row| text.trim_start().starts_with(row.0)) {
            return Some(fragment(row));
        }
        // What was left on a stack says nothing: any timer may run in the tick, and tasks leave pointers to functions.
        let is_dump = text.contains(": ") || symbol::is_at_end(text);
        let frame = frame(text).filter(|frame| frame.is_reliable && !is_dump)?;
        let is_of = |row: &&Row| {
            let name = row.0.trim_end_matches("+0x");
            frame.function == name || frame.caller == Some(name)
        };
        FUNCTIONS.iter().find(is_of).map(fragment)
    },
};

fn fragment(&(_, kind, what, culprit): &Row) -> Head {
    Head::new(kind, what, culprit).with_role(Role::Fragment)
}
