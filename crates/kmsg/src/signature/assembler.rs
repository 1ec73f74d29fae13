//! Lines of the kernel → reports. Streaming, bounded, never fails.

use super::body::Body;
use super::finding::Finding;
use super::head::{CulpritSource, Head, Role};
use super::kind::{Family, ReportKind};
use super::oom;
use super::report::Report;
use super::search::read_head;
use super::title::title;
use crate::console::Caller;
use crate::console::printk::Printk;
use crate::task::TaskRef;

/// Reports of several CPUs may be printed at the same time; more than that is a flood.
const MAX_PENDING: usize = 8;
/// Lines that may lie between two of the same report: other CPUs', memory figures, registers.
const TIMEOUT_LINES: u64 = 120;
/// The same before its call trace: while one CPU dies, others go on probing devices.
const EARLY_TIMEOUT_LINES: u64 = 400;
/// The OOM killer prints a line for every task of the machine.
const OOM_TIMEOUT_LINES: u64 = 50_000;

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Its number in the file, counted from 1; reports refer to it.
    pub number: u64,
    /// Lines that were read before it. Blank lines and the agent's frames do not count, so that the same text has the same distances
    /// in a file and on a console.
    pub order: u64,
}

impl Position {
    /// Lines from an earlier one to this.
    const fn since(self, earlier: Self) -> u64 {
        self.order.saturating_sub(earlier.order)
    }
}

/// A message of the kernel.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    at: Position,
    /// Lines of different tasks and CPUs belong to different reports.
    context: Option<Caller>,
    text: &'a str,
}

impl Line<'_> {
    fn is_inlined(&self) -> bool {
        self.text.trim_end().ends_with(" [inline]")
    }
}

/// A report of which further lines may come.
#[derive(Debug, Clone)]
struct PendingReport {
    head: Head,
    body: Body,
    context: Option<Caller>,
    also: Vec<ReportKind>,
    /// The head names a function that was inlined, as tools tell it; the one that it was inlined into comes next, as another.
    inlined: bool,
    /// It has a kill, not only its announcement.
    killed: bool,
    first: Position,
    last: Position,
}

/// Puts reports together from the lines of a console.
#[derive(Debug, Clone, Default)]
pub struct Assembler {
    pending: Vec<PendingReport>,
    seen: Vec<ReportKind>,
}

impl Assembler {
    /// Takes the next message, of the line at this position, and gives the reports that end with it. Returns what the message says
    /// of the kernel's health. A message that says nothing costs one search.
    pub fn push(&mut self, at: Position, message: &Printk<'_>, out: &mut Vec<Report>) -> Option<Finding> {
        if message.of_program {
            return None;
        }
        let line = Line { at, context: message.caller, text: message.text };
        let head = read_head(line.text);
        let finding = head.as_ref().and_then(|head| head.finding.clone());
        match head {
            Some(head) if head.role == Role::Fragment => {
                self.body(line, out);
                if !self.pending.iter().any(|open| open.is_of(line.context)) {
                    self.open(head, line, out);
                    self.body(line, out);
                }
            }
            Some(head) => {
                self.expire(line.at, out);
                self.head(head, line, out);
            }
            None if self.pending.is_empty() => {}
            None => self.body(line, out),
        }
        finding
    }

    /// Gives what is left when the log has ended.
    pub fn finish(&mut self, out: &mut Vec<Report>) {
        out.extend(self.pending.drain(..).map(PendingReport::close));
    }

    /// Whether no line can belong to a report before another begins.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    fn head(&mut self, head: Head, line: Line<'_>, out: &mut Vec<Report>) {
        if let Some(open) = self.pending.last_mut()
            && open.inlined
            && open.head.kind == head.kind
            && line.at.since(open.last) == 1
        {
            open.inlined = line.is_inlined();
            return open.add(head, line.at);
        }
        match head.role {
            Role::Start => self.begin(head, line, out),
            Role::Refine(kind) => match self.find(kind, &head, line) {
                Some(open) => open.join(head, line.at),
                None => self.begin(head, line, out),
            },
            Role::Append(kind) => match self.find(kind, &head, line) {
                Some(open) => open.add(head, line.at),
                None => self.begin(head, line, out),
            },
            Role::Fragment => {}
            Role::End => self.end(head, line, out),
        }
    }

    /// The open report that a head goes on with.
    fn find(&mut self, kind: ReportKind, head: &Head, line: Line<'_>) -> Option<&mut PendingReport> {
        self.pending.iter_mut().rev().find(|open| {
            let same = if kind.is_oom() { open.head.kind.is_oom() } else { open.head.kind == kind };
            same && (kind.is_oom() || open.is_of(line.context)) && open.accepts(head, line.at)
        })
    }

    /// A new report; what was open in the same context is over.
    fn begin(&mut self, head: Head, line: Line<'_>, out: &mut Vec<Report>) {
        self.close(out, |open| open.is_of(line.context));
        self.open(head, line, out);
    }

    /// A panic: the report that led to it may still go on, and names it better.
    fn end(&mut self, mut head: Head, line: Line<'_>, out: &mut Vec<Report>) {
        if self.seen.contains(&head.kind) {
            head.kind = ReportKind::Panic;
            head.also = None;
            head.culprit = if head.culprit == CulpritSource::Entry { CulpritSource::Nowhere } else { head.culprit };
        } else if head.kind != ReportKind::Panic {
            head.what = head.kind.as_str().replace('-', " ");
        }
        self.open(head, line, out);
    }

    fn open(&mut self, head: Head, line: Line<'_>, out: &mut Vec<Report>) {
        if !self.seen.contains(&head.kind) {
            self.seen.push(head.kind);
        }
        if self.pending.len() == MAX_PENDING {
            out.push(self.pending.remove(0).close());
        }
        self.pending.push(PendingReport::new(head, line));
    }

    fn body(&mut self, line: Line<'_>, out: &mut Vec<Report>) {
        let ends = line.text.starts_with("---[ end ");
        for open in self.pending.iter_mut().filter(|open| open.is_of(line.context)) {
            if open.body.take(line.text) || ends {
                open.last = line.at;
            }
        }
        if ends {
            self.close(out, |open| open.is_of(line.context) && !open.head.kind.is_oom());
        }
        self.expire(line.at, out);
    }

    fn expire(&mut self, at: Position, out: &mut Vec<Report>) {
        self.close(out, |open| {
            let timeout = match open.body.has_trace() {
                _ if open.lists_tasks() => OOM_TIMEOUT_LINES,
                true => TIMEOUT_LINES,
                false => EARLY_TIMEOUT_LINES,
            };
            at.since(open.last) > timeout
        });
    }

    fn close(&mut self, out: &mut Vec<Report>, over: impl Fn(&PendingReport) -> bool) {
        out.extend(self.pending.extract_if(.., |open| over(open)).map(PendingReport::close));
    }
}

impl PendingReport {
    fn new(head: Head, line: Line<'_>) -> Self {
        let also = head.also.into_iter().collect();
        let inlined = line.is_inlined();
        let killed = matches!(head.finding, Some(Finding::OomKilled(_)));
        Self {
            head,
            body: Body::behind(line.text),
            context: line.context,
            also,
            inlined,
            killed,
            first: line.at,
            last: line.at,
        }
    }

    /// Whether a line of this context may belong to it. Other CPUs report a stalled one, in their own context.
    fn is_of(&self, context: Option<Caller>) -> bool {
        context.is_none() || self.context.is_none() || self.context == context || self.head.kind.is_stall()
    }

    /// The OOM killer has been called and has not said what it did.
    fn lists_tasks(&self) -> bool {
        self.head.kind.is_oom() && self.head.victim.is_none()
    }

    fn accepts(&self, head: &Head, at: Position) -> bool {
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
    fn join(&mut self, head: Head, at: Position) {
        let before = std::mem::replace(&mut self.head.kind, head.kind);
        if !before.is_oom() {
            self.note(before);
        }
        self.head.what.clone_from(&head.what);
        self.head.culprit = head.culprit;
        self.add(head, at);
    }

    fn add(&mut self, head: Head, at: Position) {
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

    /// The task that the head names, with its pid from the body; or the one in whose context it happened.
    fn task(&self) -> Option<TaskRef> {
        let (named, ran) = (self.head.task.clone(), self.body.task.clone());
        match (named, ran) {
            (Some(named), Some(ran)) if named.pid.is_none() && named.comm == ran.comm => Some(ran),
            (Some(named), _) => Some(named),
            (None, ran) => ran,
        }
    }

    fn close(mut self) -> Report {
        // Where the log ends before the kill, the trace says for whom it was.
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
            line: self.first.number,
            last_line: self.last.number,
        }
    }
}

#[cfg(test)]
#[path = "assembler_tests.rs"]
mod tests;
