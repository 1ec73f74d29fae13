//! Lines of the kernel → reports. Streaming, bounded, never fails.

use super::finding::Finding;
use super::head::{CulpritSource, Head, Role};
use super::kind::ReportKind;
use super::pending::{Line, PendingReport, Position};
use super::report::Report;
use super::requests::Requests;
use super::search::read_head;
use crate::console::printk::Printk;

/// Reports of several CPUs may be printed at the same time; more than that is a flood.
const MAX_PENDING: usize = 8;
/// Lines that may lie between two of the same report: other CPUs', memory figures, registers.
const TIMEOUT_LINES: u64 = 120;
/// The same before its call trace: while one CPU dies, others keep probing devices.
const EARLY_TIMEOUT_LINES: u64 = 400;
/// The OOM killer prints a line for every task of the machine.
const OOM_TIMEOUT_LINES: u64 = 50_000;

/// Puts reports together from the lines of a console.
#[derive(Debug, Clone, Default)]
pub struct Assembler {
    pending: Vec<PendingReport>,
    seen: Vec<ReportKind>,
    /// A panic's first line was read, so that its last one says nothing new.
    panicked: bool,
    requests: Requests,
    /// Count and first line of messages of which a few are harmless.
    repeated: Option<(Position, u32)>,
}

impl Assembler {
    /// Takes the next message, of the line at this position, and gives the reports that end with it. Returns what the message says
    /// of the kernel's health. A message that says nothing costs one search.
    pub fn push(&mut self, at: Position, message: &Printk<'_>, out: &mut Vec<Report>) -> Option<Finding> {
        if message.of_program {
            return None;
        }
        let line = Line { at, context: message.caller, text: message.text };
        let Some(head) = read_head(line.text) else {
            return if self.pending.is_empty() { None } else { self.body(line, out) };
        };
        match head.role {
            _ if head.is_closing && self.panicked => self.body(line, out),
            Role::Fragment => self.fragment(head, line, out),
            Role::Repeated => self.repeated(head, line, out),
            Role::AsksForDump => {
                self.requests.dump(at);
                // What follows is of all tasks or CPUs.
                self.finish(out);
                None
            }
            Role::AsksForKill => {
                self.requests.kill(at);
                None
            }
            _ => {
                let finding = head.finding.clone();
                let is_closing = head.is_closing;
                self.panicked |= matches!(&finding, Some(Finding::Failure(failure)) if failure.kind.is_panic());
                self.expire(at, out);
                self.head(head, line, out);
                if is_closing {
                    self.body(line, out);
                }
                finding
            }
        }
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
        let awaits_kill = self.pending.iter().any(PendingReport::awaits_kill);
        if self.requests.explain(&head, line.at, awaits_kill) {
            self.begin(head, line, out);
            return self.pending.last_mut().into_iter().for_each(|open| open.provoked = true);
        }
        if head.is_closing
            && let Some(open) = self.pending.iter_mut().find(|open| open.is_fragment_of(ReportKind::Panic))
        {
            return open.join(head, line.at);
        }
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
            Role::End => self.end(head, line, out),
            Role::Fragment | Role::Repeated | Role::AsksForDump | Role::AsksForKill => {}
        }
    }

    /// The pending report that a head continues.
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

    /// A panic: the report that led to it may still be pending, and has the better title.
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

    /// A part of a report: it stands for all of it where the log begins behind its first line.
    fn fragment(&mut self, head: Head, line: Line<'_>, out: &mut Vec<Report>) -> Option<Finding> {
        let own = head.finding.clone();
        let found = self.body(line, out).or(own);
        if let Some(open) = self.pending.iter_mut().find(|open| open.is_of(line.context)) {
            if open.is_fragment_of(ReportKind::Panic) && head.kind != ReportKind::Panic {
                // What the panic was about.
                open.join(head, line.at);
            } else if open.is_fragment_of(head.kind) && open.head.what.len() < head.what.len() {
                // The longer words are the more special.
                open.head.what = head.what;
            }
            return found;
        }
        let is_new = head.kind.is_oom() || !self.seen.contains(&head.kind);
        if is_new && !self.panicked && !self.requests.is_dumping(line.at) {
            self.open(head, line, out);
            self.body(line, out);
        }
        found
    }

    /// A message of which a few say nothing.
    fn repeated(&mut self, head: Head, line: Line<'_>, out: &mut Vec<Report>) -> Option<Finding> {
        /// Two of them are half a minute apart at most.
        const MIN_REPEATS: u32 = 3;
        let (first, count) = self.repeated.take().unwrap_or((line.at, 0));
        self.repeated = Some((first, count.saturating_add(1)));
        if count + 1 != MIN_REPEATS {
            if let Some(open) = self.pending.iter_mut().find(|open| open.head.what == head.what) {
                open.last = line.at;
            }
            return None;
        }
        let finding = head.finding.clone();
        self.expire(line.at, out);
        self.begin(head, line, out);
        if let Some(open) = self.pending.last_mut() {
            open.first = first;
        }
        finding
    }

    /// A line behind the first of a report; the task that it names, where the first did not.
    fn body(&mut self, line: Line<'_>, out: &mut Vec<Report>) -> Option<Finding> {
        let mut task = None;
        for open in self.pending.iter_mut().filter(|open| open.is_of(line.context)) {
            if open.take(line) {
                task = task.or_else(|| open.tell_task());
            }
        }
        if line.text.starts_with("---[ end ") {
            self.close(out, |open| open.is_of(line.context) && !open.head.kind.is_oom());
        }
        self.expire(line.at, out);
        task.map(Finding::FailureTask)
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

#[cfg(test)]
#[path = "assembler_tests.rs"]
mod tests;
