//! A report of which further lines may come.

use super::FailureKind;
use super::body::Body;
use super::finding::Finding;
use super::head::{Head, Role};
use super::kind::{Family, ReportKind};
use super::oom;
use super::report::Report;
use super::title::{is_idle, title};
use crate::console::Caller;
use crate::task::{Task, TaskRef};

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Its number in the file, counted from 1; reports refer to it.
    pub number: u64,
    /// Lines that were read before it. Blank lines and the agent's frames do not count, so that the same text has the same distances
    /// in a file and on a console.
    pub order: u64,
    /// Whether the caller marked this part of the log as provoked.
    pub provoked: bool,
}

impl Position {
    /// Lines from an earlier one to this.
    pub const fn since(self, earlier: Self) -> u64 {
        self.order.saturating_sub(earlier.order)
    }
}

/// A message of the kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub at: Position,
    /// Lines of different tasks and CPUs belong to different reports.
    pub context: Option<Caller>,
    pub text: &'a str,
}

impl Line<'_> {
    pub fn is_inlined(&self) -> bool {
        self.text.trim_end().ends_with(" [inline]")
    }
}

/// A report of which further lines may come.
#[derive(Debug, Clone)]
pub(super) struct PendingReport {
    pub head: Head,
    pub body: Body,
    pub context: Option<Caller>,
    also: Vec<ReportKind>,
    /// The head names an inlined function, as a decoded trace does; the function that it was inlined into comes next, as another.
    pub inlined: bool,
    /// It has a kill, not only its announcement.
    killed: bool,
    /// A sysrq caused it.
    pub provoked: bool,
    /// Its first line says which task it is about, or a later one has said so.
    is_task_known: bool,
    pub first: Position,
    pub last: Position,
}

impl PendingReport {
    pub fn new(head: Head, line: Line<'_>) -> Self {
        let also = head.also.into_iter().collect();
        let inlined = line.is_inlined();
        let killed = matches!(head.finding, Some(Finding::OomKilled(_)));
        let is_task_known = head.task.is_some() || !is_of_task(&head);
        Self {
            provoked: false,
            head,
            body: Body::behind(line.text),
            context: line.context,
            also,
            inlined,
            killed,
            is_task_known,
            first: line.at,
            last: line.at,
        }
    }

    /// Whether a line of this context may belong to it. Other CPUs report a stalled one, in their own context.
    pub fn is_of(&self, context: Option<Caller>) -> bool {
        context.is_none() || self.context.is_none() || self.context == context || self.head.kind.is_stall()
    }

    /// Whether the log does not have its first line.
    pub fn is_fragment_of(&self, kind: ReportKind) -> bool {
        self.head.role == Role::Fragment && self.head.kind == kind
    }

    /// The OOM killer has been called and has not said what it did.
    pub fn lists_tasks(&self) -> bool {
        self.head.kind.is_oom() && self.head.victim.is_none()
    }

    /// Some task has called it on its own account.
    pub fn awaits_kill(&self) -> bool {
        self.lists_tasks() && !self.provoked
    }

    pub fn accepts(&self, head: &Head, at: Position) -> bool {
        match self.head.kind.family() {
            // Only the line behind the warning is its text.
            Family::Bug if self.head.kind == ReportKind::Warning => at.since(self.first) <= 3,
            Family::Bug if self.head.kind == ReportKind::Oops => !self.body.has_trace(),
            Family::Oom if head.kind.is_oom() => {
                // A second kill is another report; but a child may be killed in place of the process that was announced.
                let other =
                    matches!((&self.head.victim, &head.victim), (Some(ours), Some(theirs)) if ours.pid != theirs.pid);
                !other || !self.killed && matches!(head.role, Role::Append(_))
            }
            Family::Oom | Family::Bug | Family::Allocation | Family::Blocked | Family::Lockup | Family::Panic => true,
        }
    }

    /// Takes over what a better informed line says.
    pub fn join(&mut self, head: Head, at: Position) {
        let before = std::mem::replace(&mut self.head.kind, head.kind);
        if !before.is_oom() {
            self.note(before);
        }
        self.head.what.clone_from(&head.what);
        self.head.culprit = head.culprit;
        self.add(head, at);
    }

    pub fn add(&mut self, head: Head, at: Position) {
        self.last = at;
        self.killed |= matches!(head.finding, Some(Finding::OomKilled(_)));
        if let Some(also) = head.also {
            self.note(also);
        }
        if matches!(head.finding, Some(Finding::OomKilled(_))) || self.head.victim.is_none() {
            self.head.victim = head.victim.or(self.head.victim.take());
        }
        match (&mut self.head.task, head.task) {
            (None, task) => self.head.task = task,
            (Some(ours), Some(theirs)) => ours.pid = ours.pid.or(theirs.pid),
            (Some(_), None) => {}
        }
    }

    fn note(&mut self, kind: ReportKind) {
        if kind != self.head.kind && !self.also.contains(&kind) {
            self.also.push(kind);
        }
    }

    /// Takes a line behind the first; whether it belongs to the report.
    pub fn take(&mut self, line: Line<'_>) -> bool {
        // The line that ends a report may lack everything else of it.
        let belongs = self.body.take(line.text) || line.text.starts_with("---[ end ");
        if belongs {
            self.last = line.at;
        }
        belongs
    }

    /// The task of a failure whose first line does not name it, once.
    pub fn tell_task(&mut self) -> Option<Task> {
        if self.is_task_known {
            return None;
        }
        let task = self.body.task.as_ref()?.task()?;
        self.is_task_known = true;
        // An idle CPU is not what stalls.
        (task.pid != 0).then_some(task)
    }

    /// The task that the head names, with its pid from the body; or the one in whose context it happened.
    fn task(&self) -> Option<TaskRef> {
        let (named, ran) = (self.head.task.clone(), self.body.task.clone());
        match (named, ran) {
            (Some(named), Some(ran)) if named.pid.is_none() && named.comm == ran.comm => Some(ran),
            (Some(named), _) => Some(named),
            (None, ran) => ran.filter(|task| !is_idle(&self.head, task) && task.comm != "khungtaskd"),
        }
    }

    pub fn close(mut self) -> Report {
        // If the log ends before the kill, the trace has the task that invoked the OOM killer.
        if self.head.kind == ReportKind::OomKill && oom::MEMCG_TRACE.iter().any(|function| self.body.has(function)) {
            self.head.kind = ReportKind::OomKillMemcg;
            self.head.what = oom::words(self.head.kind).to_owned();
        }
        let task = self.task();
        let title = title(&self.head, &self.body);
        Report {
            kind: self.head.kind,
            title,
            also: self.also,
            victim: self.head.victim,
            task,
            provoked: self.provoked || self.first.provoked,
            line: self.first.number,
            last_line: self.last.number,
        }
    }
}

/// Whether a task was what the failure that this line reports happened in, and a later line says which.
fn is_of_task(head: &Head) -> bool {
    use FailureKind::{HardLockup, Oops, RcuStall, SoftLockup};
    let Some(Finding::Failure(failure)) = &head.finding else { return false };
    matches!(failure.kind, Oops | SoftLockup | HardLockup | RcuStall)
}
