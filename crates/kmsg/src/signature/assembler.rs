//! Lines of the kernel → reports. Streaming, bounded, never fails.

use super::body::Body;
use super::finding::Finding;
use super::head::{Head, Place, Role};
use super::kind::ReportKind;
use super::oom;
use super::report::Report;
use super::search::read_head;
use super::title::title;
use super::who::Who;
use crate::console::printk::{Caller, Printk};

/// Reports of several CPUs may be printed at the same time; more than that is a flood.
const MOST_OPEN: usize = 8;
/// Lines that may lie between two of the same report: other CPUs', memory figures, registers.
const PATIENCE: u64 = 120;
/// The same before its call trace: while one CPU dies, others go on probing devices.
const EARLY_PATIENCE: u64 = 400;
/// The OOM killer prints a line for every task of the machine.
const OOM_PATIENCE: u64 = 50_000;

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

/// A report that is being told.
#[derive(Debug, Clone)]
struct Open {
    head: Head,
    body: Body,
    context: Option<Caller>,
    also: Vec<ReportKind>,
    /// The head names a function that was inlined, as tools tell it; the one that it was inlined into comes next, as another.
    inlined: bool,
    /// It has told of a kill, and not only that there will be one.
    killed: bool,
    first: Position,
    last: Position,
}

/// Puts reports together from the lines of a console.
#[derive(Debug, Clone, Default)]
pub struct Assembler {
    open: Vec<Open>,
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
            Some(head) if head.role == Role::Betrays => {
                self.body(line, out);
                if !self.open.iter().any(|open| open.is_of(line.context)) {
                    self.open(head, line, out);
                    self.body(line, out);
                }
            }
            Some(head) => {
                self.expire(line.at, out);
                self.head(head, line, out);
            }
            None if self.open.is_empty() => {}
            None => self.body(line, out),
        }
        finding
    }

    /// Gives what is left when the log has ended.
    pub fn finish(&mut self, out: &mut Vec<Report>) {
        out.extend(self.open.drain(..).map(Open::close));
    }

    /// Whether no line can belong to a report before another begins.
    pub fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    fn head(&mut self, head: Head, line: Line<'_>, out: &mut Vec<Report>) {
        if let Some(open) = self.open.last_mut()
            && open.inlined
            && open.head.kind == head.kind
            && line.at.since(open.last) == 1
        {
            open.inlined = line.is_inlined();
            return open.add(head, line.at);
        }
        match head.role {
            Role::Begins => self.begin(head, line, out),
            Role::Joins(kind) => match self.find(kind, &head, line) {
                Some(open) => open.join(head, line.at),
                None => self.begin(head, line, out),
            },
            Role::Adds(kind) => match self.find(kind, &head, line) {
                Some(open) => open.add(head, line.at),
                None => self.begin(head, line, out),
            },
            Role::Betrays => {}
            Role::Ends => self.end(head, line, out),
        }
    }

    /// The open report that a head goes on with.
    fn find(&mut self, kind: ReportKind, head: &Head, line: Line<'_>) -> Option<&mut Open> {
        self.open.iter_mut().rev().find(|open| {
            let same = if kind.is_oom() { open.head.kind.is_oom() } else { open.head.kind == kind };
            same && (kind.is_oom() || open.is_of(line.context)) && open.goes_on_with(head, line.at)
        })
    }

    /// A new report; what was open in the same context is over.
    fn begin(&mut self, head: Head, line: Line<'_>, out: &mut Vec<Report>) {
        self.close(out, |open| open.is_of(line.context));
        self.open(head, line, out);
    }

    /// A panic: the report that led to it may still be told, and names it better.
    fn end(&mut self, mut head: Head, line: Line<'_>, out: &mut Vec<Report>) {
        if self.seen.contains(&head.kind) {
            head.kind = ReportKind::Panic;
            head.also = None;
            head.place = if head.place == Place::Entry { Place::Nowhere } else { head.place };
        } else if head.kind != ReportKind::Panic {
            head.what = head.kind.as_str().replace('-', " ");
        }
        self.open(head, line, out);
    }

    fn open(&mut self, head: Head, line: Line<'_>, out: &mut Vec<Report>) {
        if !self.seen.contains(&head.kind) {
            self.seen.push(head.kind);
        }
        if self.open.len() == MOST_OPEN {
            out.push(self.open.remove(0).close());
        }
        self.open.push(Open::new(head, line));
    }

    fn body(&mut self, line: Line<'_>, out: &mut Vec<Report>) {
        let ends = line.text.starts_with("---[ end ");
        for open in self.open.iter_mut().filter(|open| open.is_of(line.context)) {
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
            let patience = match open.body.is_told() {
                _ if open.lists_tasks() => OOM_PATIENCE,
                true => PATIENCE,
                false => EARLY_PATIENCE,
            };
            at.since(open.last) > patience
        });
    }

    fn close(&mut self, out: &mut Vec<Report>, over: impl Fn(&Open) -> bool) {
        out.extend(self.open.extract_if(.., |open| over(open)).map(Open::close));
    }
}

impl Open {
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

    /// Whether a line of this context may belong to it. A stalled CPU is told of by others, in their own context.
    fn is_of(&self, context: Option<Caller>) -> bool {
        context.is_none() || self.context.is_none() || self.context == context || self.head.kind.is_stall()
    }

    /// The OOM killer has been called and has not said what it did.
    fn lists_tasks(&self) -> bool {
        self.head.kind.is_oom() && self.head.victim.is_none()
    }

    fn goes_on_with(&self, head: &Head, at: Position) -> bool {
        match (self.head.kind, head.kind) {
            // Only the line behind the warning is its text.
            (ReportKind::Warning, _) => at.since(self.first) <= 3,
            (ReportKind::Oops, _) => !self.body.is_told(),
            (ours, theirs) if ours.is_oom() && theirs.is_oom() => {
                // A second kill is another report; but a child may be killed in place of the process that was announced.
                let other =
                    matches!((&self.head.victim, &head.victim), (Some(ours), Some(theirs)) if ours.pid != theirs.pid);
                !other || !self.killed && matches!(head.role, Role::Adds(_))
            }
            _ => true,
        }
    }

    /// Takes over what a better informed line says.
    fn join(&mut self, head: Head, at: Position) {
        let before = std::mem::replace(&mut self.head.kind, head.kind);
        if !before.is_oom() {
            self.note(before);
        }
        self.head.what.clone_from(&head.what);
        self.head.place = head.place;
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
    fn task(&self) -> Option<Who> {
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
