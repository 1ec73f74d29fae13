//! Failed `WARN_ON()`s (`kernel/panic.c`, `__warn()`; `lib/bug.c`, `__report_bug()`).

use super::head::{Head, Place};
use super::who::Who;
use super::{ReportKind, Signature};

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
        let said = super::text::message(text, "WARNING: ")?.strip_prefix("WARNING: ")?;
        if let Some(rest) = said.strip_prefix("kernel stack ") {
            return unwinder(rest);
        }
        let (site, function, task) = classic(said).or_else(|| modern(said))?;
        let (kind, words) = SITES
            .iter()
            .find(|(file, ..)| site.contains(file))
            .map_or((ReportKind::Warning, "WARNING"), |(_, kind, words)| (*kind, *words));
        Some(Head::new(kind, words, Place::Function).at(function).with_task(task))
    },
};

/// `FILE:LINE`, the function, the task.
fn classic(said: &str) -> Option<(&str, &str, Option<Who>)> {
    let rest = match said.strip_prefix("CPU: ") {
        Some(rest) => &rest[rest.find(" at ")? + " at ".len()..],
        None => said.strip_prefix("at ")?,
    };
    let (site, function) = rest.split_once(' ').unwrap_or((rest, ""));
    is_site(site).then_some((site, function, None))
}

fn modern(said: &str) -> Option<(&str, &str, Option<Who>)> {
    let (before, after) = said.rsplit_once(" at ").unwrap_or((said, ""));
    let site = before.rsplit(' ').next()?;
    let (function, cpu) = after.split_once(", CPU#").or_else(|| site.is_empty().then_some((after, "")))?;
    let task = cpu.split_once(": ").and_then(|(_, task)| Who::comm_slash_pid(task.trim_end()));
    is_site(site).then_some((site, function, task))
}

/// `mm/page_alloc.c:123`, or the path that a kernel was built at.
fn is_site(site: &str) -> bool {
    let Some((file, line)) = site.rsplit_once(':') else { return false };
    let source = [".c", ".h", ".S", ".rs", ".y", ".l"].iter().any(|end| file.ends_with(end));
    source && line.bytes().all(|byte| byte.is_ascii_digit()) && !line.is_empty()
}

/// The frame-pointer unwinder's complaints: `kernel stack regs at … has bad 'bp' value …`, `kernel stack frame pointer at …
/// has bad value …` (`arch/x86/kernel/unwind_frame.c`).
fn unwinder(rest: &str) -> Option<Head> {
    let what = if rest.starts_with("regs at ") {
        "regs"
    } else {
        rest.strip_prefix("frame pointer at ").map(|_| "frame pointer")?
    };
    let value = if rest.contains(" has bad 'bp' value") { "bad 'bp' value" } else { "bad value" };
    rest.contains(" has bad ")
        .then(|| Head::new(ReportKind::Warning, format!("WARNING: kernel stack {what} has {value}"), Place::Nowhere))
}
