//! The title of a report: what, and the function or task that names the problem.

use super::body::{Body, Frame};
use super::frames;
use super::head::{Head, Place};
use super::kind::ReportKind;
use super::who::Who;

/// The title.
pub(super) fn title(head: &Head, body: &Body) -> String {
    let what = match body.access {
        Some(access) if head.what.starts_with("KASAN: ") => format!("{} {access}", head.what),
        _ => head.what.clone(),
    };
    let function = match head.place {
        Place::Nowhere => {
            return match unplaced(head, body) {
                Some(name) => format!("{what} in {}", frames::plain(name)),
                None => what,
            };
        }
        Place::Task => return of_task(head, what),
        Place::Function => function(head, body),
        Place::Lock => body.lock.as_deref().filter(says_something).or_else(|| innermost(&body.frames)),
        Place::HeldLock => body.held.as_deref().or_else(|| innermost(&body.frames)),
        Place::Trace => innermost(&body.frames),
        Place::Allocation => allocation(&body.frames),
        Place::Entry => entry(&body.frames)
            .or_else(|| innermost(&body.frames).filter(|name| !frames::looks_for_stalls(name)))
            .or_else(|| head.function.as_deref().filter(says_something)),
    };
    let work = body.work.as_deref().filter(|_| is_of_worker(head, body));
    match function.filter(|name| work.is_none() || !frames::is_dispatcher(name)).or(work) {
        Some(name) => format!("{what} in {}", frames::plain(name)),
        None => in_task(head, body, what),
    }
}

/// Whether what a worker was to do names the problem where its trace does not.
fn is_of_worker(head: &Head, body: &Body) -> bool {
    let waits = is_named_by_task(head.kind) || head.kind == ReportKind::HardLockup;
    waits && head.task.as_ref().or(body.task.as_ref()).is_some_and(|task| task.comm.starts_with("kworker/"))
}

/// The few problems whose words should name them alone, but that have a function: a pool's worker that does not end.
fn unplaced<'a>(head: &Head, body: &'a Body) -> Option<&'a str> {
    match head.kind {
        ReportKind::WorkqueueLockup => body.pool.as_ref()?.in_flight.as_deref(),
        _ => None,
    }
}

/// The OOM killer's: the victim names it, or who called for it.
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
    match head.task.as_ref().or(body.task.as_ref()).filter(|_| is_named_by_task(head.kind)).map(Who::stable_name) {
        Some(name) => format!("{what} of {name}"),
        None => what,
    }
}

fn is_named_by_task(kind: ReportKind) -> bool {
    matches!(
        kind,
        ReportKind::HungTask
            | ReportKind::SoftLockup
            | ReportKind::AllocFailure
            | ReportKind::AllocStall
            | ReportKind::RcuStall
    )
}

fn function<'a>(head: &'a Head, body: &'a Body) -> Option<&'a str> {
    let own = head.function.as_deref();
    let pointer = body.pointer.as_deref();
    own.filter(says_something)
        .or_else(|| pointer.filter(|_| own.is_none()).filter(says_something))
        .or_else(|| innermost(&body.frames))
        .or(own)
        .or(pointer)
}

fn says_something(name: &&str) -> bool {
    !frames::is_generic(name) && !frames::is_interrupt(name)
}

/// The innermost function that says something; of those that the unwinder doubts only where it doubts all.
fn innermost(frames: &[Frame]) -> Option<&str> {
    let named = |sure: bool| names(frames, sure).find(says_something);
    named(true).or_else(|| named(false))
}

/// Who asked for memory, of all those who pass the wish on. Frames that the unwinder doubts are not worth more than the task's
/// name.
fn allocation(frames: &[Frame]) -> Option<&str> {
    names(frames, true)
        .filter(says_something)
        .find(|name| !name.contains("alloc"))
        .or_else(|| names(frames, true).find(says_something))
}

/// The code that a dispatcher called, of what was interrupted; of several traces, the first that tells it.
fn entry(frames: &[Frame]) -> Option<&str> {
    frames.chunk_by(|one, next| one.trace == next.trace).find_map(|trace| {
        let names: Vec<&str> = names(trace, true).collect();
        // The kthread that ends grace periods is shown because it gets no CPU.
        if names.contains(&"rcu_gp_kthread") {
            return None;
        }
        let interrupt = names.iter().position(|name| frames::is_interrupt(name)).unwrap_or(0);
        let entries = names[interrupt..].iter().take_while(|name| frames::is_interrupt(name)).count();
        let names = &names[interrupt + entries..];
        let at = names.iter().position(|name| frames::is_dispatcher(name) || frames::waits_for_cpus(name))?;
        if frames::waits_for_cpus(names[at]) {
            return Some(names[at]);
        }
        names[..at].iter().rev().copied().find(says_something)
    })
}

fn names(frames: &[Frame], sure: bool) -> impl Iterator<Item = &str> {
    frames.iter().filter(move |frame| frame.sure == sure).map(|frame| frame.name.as_str())
}
