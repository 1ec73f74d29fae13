//! Failed `WARN_ON()`s (`kernel/panic.c`, `__warn()`; `lib/bug.c`, `__report_bug()`).

use super::head::{CulpritSource, Head};
use super::{ReportKind, Signature};
use crate::symbol::is_site;
use crate::task::TaskRef;

/// Checks that many callers share: the file that holds them, the kind, and what titles call them.
const SITES: &[(&str, ReportKind, &str)] = &[
    ("lib/refcount.c", ReportKind::Warning, "refcount bug"),
    ("include/linux/refcount.h", ReportKind::Warning, "refcount bug"),
    ("include/linux/kref.h", ReportKind::Warning, "refcount bug"),
    ("lib/debugobjects.c", ReportKind::Warning, "ODEBUG bug"),
    ("lib/kobject.c", ReportKind::Warning, "kobject bug"),
    ("lib/list_debug.c", ReportKind::Warning, "corrupted list"),
    ("mm/usercopy.c", ReportKind::Warning, "bad usercopy"),
    // Lockdep, and the checks of locks that turn it off when they fail (`DEBUG_LOCKS_WARN_ON()`).
    ("kernel/locking/lockdep", ReportKind::Lockdep, "locking bug"),
    ("kernel/locking/mutex", ReportKind::Lockdep, "locking bug"),
    ("kernel/locking/rwsem", ReportKind::Lockdep, "locking bug"),
    ("kernel/locking/rtmutex", ReportKind::Lockdep, "locking bug"),
    ("kernel/lockdep.c", ReportKind::Lockdep, "locking bug"),
];

/// `WARNING: CPU: 0 PID: 1 at FILE:LINE FUNCTION+0x…` (≥ 3.11), `WARNING: at FILE:LINE FUNCTION+0x…()` (before),
/// `WARNING: [CONDITION] FILE:LINE at FUNCTION+0x…, CPU#0: COMM/PID` (≥ 6.18).
pub(super) const WARNING: Signature = Signature {
    name: "warning",
    needles: &["WARNING: "],
    read: |text| {
        let said = crate::text::message(text, "WARNING: ")?.strip_prefix("WARNING: ")?;
        let Some((site, function, task)) = classic(said).or_else(|| modern(said)) else { return unwinder(said) };
        let (kind, words) = SITES
            .iter()
            .find(|(file, ..)| site.contains(file))
            .map_or((ReportKind::Warning, "WARNING"), |(_, kind, words)| (*kind, *words));
        Some(Head::new(kind, words, CulpritSource::Function).at(function).with_task(task))
    },
};

/// `FILE:LINE`, the function, the task.
fn classic(said: &str) -> Option<(&str, &str, Option<TaskRef>)> {
    let rest = match said.strip_prefix("CPU: ") {
        Some(rest) => &rest[rest.find(" at ")? + " at ".len()..],
        None => said.strip_prefix("at ")?,
    };
    let (site, function) = rest.split_once(' ').unwrap_or((rest, ""));
    if is_site(site) {
        return Some((site, function, None));
    }
    // Without CONFIG_DEBUG_BUGVERBOSE there is no site.
    site.contains("+0x").then(|| ("", site, task_behind(rest)))
}

fn modern(said: &str) -> Option<(&str, &str, Option<TaskRef>)> {
    let (before, after) = said.rsplit_once(" at ")?;
    let site = before.rsplit(' ').next()?;
    let (function, _) = after.split_once(", CPU#")?;
    is_site(site).then(|| (site, function, task_behind(after)))
}

/// `…, CPU#0: COMM/PID`.
fn task_behind(text: &str) -> Option<TaskRef> {
    let (_, task) = text.split_once(", CPU#")?.1.split_once(": ")?;
    TaskRef::from_comm_slash_pid(task.trim_end())
}

/// The unwinders' complaints: `kernel stack regs at … has bad 'bp' value …`, `kernel stack frame pointer at … has bad value …`
/// (`arch/x86/kernel/unwind_frame.c`); `stack recursion on stack type …` and others of `unwind_orc.c`, `orc_warn()`.
fn unwinder(said: &str) -> Option<Head> {
    const ORC: [&str; 5] = [
        "can't access registers at",
        "can't dereference registers at",
        "stack recursion on stack type",
        "stack going in the wrong direction?",
        "unknown unwind hint type",
    ];
    let warning = |what: &str| Some(Head::new(ReportKind::Warning, format!("WARNING: {what}"), CulpritSource::Nowhere));
    if let Some(what) = ORC.iter().find(|what| said.starts_with(**what)) {
        return warning(what.trim_end_matches(" at").trim_end_matches('?'));
    }
    let rest = said.strip_prefix("kernel stack ")?;
    let what = ["regs", "frame pointer"].into_iter().find(|what| rest.starts_with(what))?;
    let value = ["bad 'bp' value", "bad value"].into_iter().find(|value| rest.contains(&format!(" has {value}")))?;
    warning(&format!("kernel stack {what} has {value}"))
}
