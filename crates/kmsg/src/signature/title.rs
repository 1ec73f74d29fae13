//! The title of a report: what, and the function or task that names the problem.

use super::body::{Body, Frame};
use super::frames;
use super::head::{CulpritSource, Head};
use super::kind::{Family, ReportKind};
use crate::functions::Class;
use crate::task::TaskRef;

/// The title.
pub(super) fn title(head: &Head, body: &Body) -> String {
    let what = match body.access {
        Some(access) if head.what.starts_with("KASAN: ") => format!("{} {access}", head.what),
        _ => head.what.clone(),
    };
    let function = match head.culprit {
        CulpritSource::Nowhere => {
            return match unplaced(head, body) {
                Some(name) => format!("{what} in {}", frames::plain(name)),
                None => what,
            };
        }
        CulpritSource::Task => return of_task(head, what),
        CulpritSource::Function => function(head, body),
        CulpritSource::Lock => body.lock.as_deref().filter(is_specific).or_else(|| innermost(&body.frames)),
        CulpritSource::HeldLock => body.held.as_deref().or_else(|| innermost(&body.frames)),
        CulpritSource::Trace if head.kind == ReportKind::HungTask => waiting(&body.frames),
        CulpritSource::Trace => innermost(&body.frames),
        CulpritSource::Allocation => allocation(&body.frames),
        CulpritSource::Entry => stalled(head, body),
    };
    let work = worker(head, body).filter(|_| is_stall(head.kind));
    match function.filter(|name| work.is_none() || !frames::is_dispatcher(name)).or(work) {
        Some(name) => format!("{what} in {}", frames::plain(name)),
        None => in_task(head, body, what),
    }
}

/// Whether what a worker was to do names the problem where its trace does not.
fn is_stall(kind: ReportKind) -> bool {
    kind.is_named_by_task() || kind == ReportKind::HardLockup
}

/// What the worker that it happened to was to do.
fn worker<'a>(head: &Head, body: &'a Body) -> Option<&'a str> {
    let task = head.task.as_ref().or(body.task.as_ref())?;
    body.work.as_deref().filter(|_| task.comm.starts_with("kworker/"))
}

/// The few problems whose words should name them alone, but that have a function: a pool's worker that does not end; what ran
/// when a bus or memory failed (arm64's `SError`), below the exception that reports it.
fn unplaced<'a>(head: &Head, body: &'a Body) -> Option<&'a str> {
    match head.kind.family() {
        Family::Lockup => body.pool.as_ref()?.in_flight.as_deref(),
        Family::Panic if head.what.ends_with("SError Interrupt") => {
            let exceptions = ["el1_error", "el1h_64_error", "el1t_64_error"];
            let names: Vec<&str> = names(&body.frames, true).collect();
            let below = names.iter().rposition(|name| exceptions.contains(name)).map_or(0, |at| at + 1);
            names[below..].iter().copied().find(is_specific)
        }
        Family::Panic | Family::Oom | Family::Allocation | Family::Blocked | Family::Bug => None,
    }
}

/// The OOM killer's: the victim names it, or the task that invoked it.
fn of_task(head: &Head, what: String) -> String {
    match (&head.victim, &head.task) {
        (Some(victim), _) => format!("{what} of {}", victim.stable_name()),
        (None, Some(task)) if head.kind.is_oom() => format!("{what} for {}", task.stable_name()),
        (None, Some(task)) => format!("{what}: {}", task.stable_name()),
        (None, None) => what,
    }
}

/// Without a trace, a task names what it is stuck in or short of.
fn in_task(head: &Head, body: &Body, what: String) -> String {
    let named = head.kind.is_named_by_task() || own(head, body).is_some_and(|name| Class::Check.has(name));
    // The trace of a CPU that looked at others is of a task that has nothing to do with it.
    let ran = body.task.as_ref().filter(|task| !body.has("print_other_cpu_stall") && !is_idle(head, task));
    match head.task.as_ref().or(ran).filter(|_| named).map(TaskRef::stable_name) {
        Some(name) => format!("{what} of {name}"),
        None => what,
    }
}

/// Whether a stall was seen from a CPU that idled: its task is not what stalls.
pub(super) fn is_idle(head: &Head, task: &TaskRef) -> bool {
    matches!(head.kind, ReportKind::RcuStall | ReportKind::HardLockup)
        && (task.pid == Some(0) || task.comm.starts_with("swapper"))
}

/// The function that the report itself names: in its first line, else where the CPU was.
fn own<'a>(head: &'a Head, body: &'a Body) -> Option<&'a str> {
    head.function.as_deref().or(body.pointer.as_deref())
}

/// That function, where it is specific, else its caller. Without a caller: the worker's, the function behind the
/// link register, and a library's own, but no check's.
fn function<'a>(head: &'a Head, body: &'a Body) -> Option<&'a str> {
    // `stack is corrupted in: FUNCTION` means what it says.
    let is_named = |name: &&str| head.kind == ReportKind::Panic || is_specific(name);
    let own = own(head, body);
    own.filter(is_named)
        .or_else(|| innermost(&body.frames))
        .or_else(|| body.link.as_deref().filter(is_specific))
        .or_else(|| worker(head, body))
        .or_else(|| own.filter(|name| !Class::Check.has(name)))
}

fn is_specific(name: &&str) -> bool {
    !frames::is_generic(name) && !Class::Interrupt.has(name)
}

/// The innermost specific function; an unreliable one only where no frame is reliable.
fn innermost(frames: &[Frame]) -> Option<&str> {
    let named = |sure: bool| names(frames, sure).find(is_specific);
    named(true).or_else(|| named(false))
}

/// The function in which a task blocks, not the one that submits the request to a device.
fn waiting(frames: &[Frame]) -> Option<&str> {
    names(frames, true).filter(is_specific).find(|name| !Class::Submitting.has(name)).or_else(|| innermost(frames))
}

/// The caller of the allocator, outside all functions that allocate for their callers. Unreliable frames are worth less than the task's
/// name.
fn allocation(frames: &[Frame]) -> Option<&str> {
    let names: Vec<&str> = names(frames, true).collect();
    // It calls the page allocator alone: before there was an unwinder, whatever was left on the stack stands between them.
    let entry = names.iter().rposition(|name| *name == "__get_free_pages");
    let reclaims = names.iter().any(|name| name.contains("try_to_free"));
    let names = &names[entry.filter(|_| !reclaims).unwrap_or(0)..];
    let telling = || names.iter().copied().filter(is_specific).filter(|name| !Class::Allocating.has(name));
    telling().find(|name| !name.contains("alloc")).or_else(|| telling().next())
}

/// What a CPU was at: what it entered the kernel for, a worker's work, or else the innermost function, unless that merely looked
/// for stalls.
fn stalled<'a>(head: &'a Head, body: &'a Body) -> Option<&'a str> {
    let tells = |name: &&str| !says_nothing(name);
    let sure = || names(&body.frames, true).find(is_specific);
    let doubted = || names(&body.frames, false).find(is_specific);
    entry(&body.frames, true)
        .or_else(|| worker(head, body))
        .or_else(|| match sure() {
            Some(name) => Some(name).filter(tells),
            None => entry(&body.frames, false).or_else(doubted).filter(tells),
        })
        .or_else(|| head.function.as_deref().filter(is_specific))
}

/// The code that a dispatcher called, of what was interrupted; of several traces, the first that has it.
fn entry(frames: &[Frame], sure: bool) -> Option<&str> {
    frames.chunk_by(|one, next| one.trace == next.trace).find_map(|trace| {
        let names: Vec<&str> = names(trace, sure).collect();
        // The kthread that ends grace periods is shown because it gets no CPU.
        if names.contains(&"rcu_gp_kthread") {
            return None;
        }
        let interrupt = names.iter().position(|name| Class::Interrupt.has(name)).unwrap_or(0);
        let entries = names[interrupt..].iter().take_while(|name| Class::Interrupt.has(name)).count();
        let names = &names[interrupt + entries..];
        let at = names.iter().position(|name| frames::is_dispatcher(name) || Class::CpuWait.has(name))?;
        if Class::CpuWait.has(names[at]) {
            return Some(names[at]);
        }
        names[..at].iter().rev().copied().find(is_specific).filter(|name| !says_nothing(name))
    })
}

/// A CPU that looks for stalls, or idles, is at nothing.
fn says_nothing(name: &str) -> bool {
    Class::Detector.has(name) || Class::Idle.has(name)
}

fn names(frames: &[Frame], sure: bool) -> impl Iterator<Item = &str> {
    frames.iter().filter(move |frame| frame.sure == sure).map(|frame| frame.name.as_str())
}

#[cfg(test)]
#[path = "title_tests.rs"]
mod tests;
