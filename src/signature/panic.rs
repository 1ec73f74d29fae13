//! `Kernel panic - not syncing: …` (`kernel/panic.c`).

use super::{Finding, Signature};
use crate::model::Kind;

const MARK: &str = "Kernel panic - not syncing: ";

/// The panic, sorted by its reason.
pub(super) const PANIC: Signature = Signature {
    name: "panic",
    needles: &[MARK],
    read: |text| {
        // The line that ends a panic repeats its reason: `---[ end Kernel panic - not syncing: … ]---`.
        if text.starts_with("---[ end") {
            return None;
        }
        let reason = text[text.find(MARK)? + MARK.len()..].trim_end();
        Some(Finding::trouble(kind(reason), reason, None))
    },
};

/// Reasons: `mm/oom_kill.c` (`out_of_memory()`, `check_panic_on_oom()`), `kernel/exit.c`, `init/main.c`
/// (`kernel_init()`), `init/do_mounts.c`, `kernel/watchdog.c`, `kernel/hung_task.c`.
fn kind(reason: &str) -> Kind {
    const REASONS: &[(&str, Kind)] = &[
        ("System is deadlocked on memory", Kind::PanicDeadlockedOnMemory),
        ("Out of memory and no killable", Kind::PanicDeadlockedOnMemory),
        ("panic_on_oom is enabled", Kind::PanicOnOom),
        ("Attempted to kill init", Kind::InitKilled),
        ("Unable to mount root fs", Kind::BootPanic),
        ("No working init found", Kind::BootPanic),
        ("Requested init ", Kind::BootPanic),
        ("softlockup: hung tasks", Kind::SoftLockup),
        ("hung_task: blocked tasks", Kind::HungTask),
        ("Hard LOCKUP", Kind::HardLockup),
        ("RCU Stall", Kind::RcuStall),
    ];
    REASONS.iter().find(|(part, _)| reason.contains(part)).map_or(Kind::Panic, |(_, kind)| *kind)
}
