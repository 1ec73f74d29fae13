//! The one reader of a console's lines: lines → messages → findings and reports.

use super::assembler::Assembler;
use super::classification::{Classification, Reports};
use super::finding::Finding;
use super::pending::Position;
use super::report::Report;
use super::search;
use crate::console::printk::{self, Printk};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// The lengths of lines that mailers break with a `=` at their end (RFC 2045, 6.7: at most 76 characters).
const BROKEN: RangeInclusive<usize> = 70..=76;

/// Bytes from which on a line is not joined with another.
const MAX_JOINED: usize = 4096;

/// One message of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'a> {
    /// The line that it stands in; several messages may have been run together.
    pub line: &'a str,
    /// The message and its prefix.
    pub printk: Printk<'a>,
    /// What it says of the kernel's health.
    pub finding: Option<Finding>,
}

/// Reads a console line by line. Bounded for any input.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    assembler: Assembler,
    reports: Reports,
    /// Lines that have been read.
    lines: u64,
    provoked: bool,
    /// The beginning of a line that a mailer broke, and the number of the first of its parts.
    broken: Option<(u64, String)>,
    ended: Vec<Report>,
}

impl Reader {
    /// Takes the next line, as [`Console`](crate::console::Console) gives it, and passes on its messages in order. Reports refer to
    /// the line by `number`. The messages of a line that a mailer broke come with its last part.
    pub fn push(&mut self, number: u64, line: &str, on_message: impl FnMut(Message<'_>)) {
        let breaks = is_broken(line);
        if !breaks && self.broken.is_none() {
            return self.read(number, line, on_message);
        }
        let (number, mut text) = self.broken.take().unwrap_or((number, String::new()));
        text.push_str(line);
        if breaks && text.len() < MAX_JOINED {
            text.pop();
            self.broken = Some((number, text));
        } else {
            self.read(number, &text, on_message);
        }
    }

    /// Whether reports that begin from here on may be provoked in a way that the log does not show.
    pub fn set_provoked(&mut self, provoked: bool) {
        self.provoked = provoked;
    }

    /// Reads what there is of a broken line: no further part of it is expected.
    pub fn flush(&mut self, on_message: impl FnMut(Message<'_>)) {
        if let Some((number, text)) = self.broken.take() {
            self.read(number, &text, on_message);
        }
    }

    /// What is wrong, as far as the lines so far say it.
    pub fn finish(mut self) -> Classification {
        self.flush(|_| {});
        self.assembler.finish(&mut self.ended);
        self.ended.drain(..).for_each(|report| self.reports.push(report));
        self.reports.classify()
    }

    /// Whether no line can belong to what came before it.
    pub(super) fn is_idle(&self) -> bool {
        self.broken.is_none() && self.assembler.is_idle()
    }

    fn read(&mut self, number: u64, line: &str, mut on_message: impl FnMut(Message<'_>)) {
        let line = &*unescaped(line);
        let at = Position { number, order: self.lines, provoked: self.provoked };
        self.lines += 1;
        for printk in printk::messages(line) {
            let finding = self.assembler.push(at, &printk, &mut self.ended);
            on_message(Message { line, printk, finding });
        }
        self.ended.drain(..).for_each(|report| self.reports.push(report));
    }
}

/// Whether a mailer broke the line here. A `=` of the text itself is written `=3D`, so that two are a rule's (`=====`).
fn is_broken(line: &str) -> bool {
    line.ends_with('=') && BROKEN.contains(&line.len()) && !line.ends_with("==")
}

/// Whether a message of this line says something of the kernel's health.
pub fn has_finding(line: &str) -> bool {
    let says = |message: Printk<'_>| !message.of_program && search::read(message.text).is_some();
    printk::messages(&unescaped(line)).any(says)
}

/// Without the escapes of HTML that hide what the kernel puts around addresses.
fn unescaped(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'&', text.as_bytes()).is_some() && (text.contains("&lt;") || text.contains("&gt;")) {
        return Cow::Owned(text.replace("&lt;", "<").replace("&gt;", ">"));
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::FailureKind;

    const JOINED: &str = "[    1.000000] foo bar[    1.100000] Kernel panic - not syncing: boom";

    fn findings(lines: &[&str]) -> Vec<Finding> {
        let mut reader = Reader::default();
        let mut found = Vec::new();
        let mut on_message = |message: Message<'_>| found.extend(message.finding);
        (1..).zip(lines).for_each(|(number, line)| reader.push(number, line, &mut on_message));
        reader.flush(&mut on_message);
        found
    }

    #[test]
    fn run_together_messages_are_read_one_by_one() {
        assert!(matches!(&findings(&[JOINED])[..], [Finding::Failure(failure)] if failure.kind == FailureKind::Panic));
        assert!(has_finding(JOINED));
        let (mut reader, mut messages) = (Reader::default(), Vec::new());
        reader.push(1, JOINED, |message| messages.push((message.line.to_owned(), message.printk.guest_s)));
        assert_eq!(messages, [(JOINED.to_owned(), Some(1.0)), (JOINED.to_owned(), Some(1.1))]);
    }

    #[test]
    fn programs_messages_hold_no_finding() {
        let line = "Nov 24 10:00:00 host systemd[1]: Kernel panic - not syncing: x";
        assert!(findings(&[line]).is_empty() && !has_finding(line));
    }

    #[test]
    fn broken_lines_are_read_when_flushed() {
        let broken = format!("[    1.000000] Kernel panic - not syncing: {}=", "x".repeat(30));
        let mut reader = Reader::default();
        reader.push(1, &broken, |_| panic!("its end may follow"));
        let mut found = 0;
        reader.clone().flush(|message| found += usize::from(message.finding.is_some()));
        assert_eq!((found, reader.finish().line), (1, Some(1)));
    }

    #[test]
    fn rules_of_reports_break_no_line() {
        let prefix = "Nov 24 10:00:00.123456 host kernel: ";
        for length in 34..=40 {
            let rule = format!("{prefix}{}", "=".repeat(length));
            let headline = format!("{prefix}WARNING: possible recursive locking detected");
            let mut reader = Reader::default();
            reader.push(1, &rule, |_| {});
            reader.push(2, &headline, |_| {});
            assert_eq!(reader.finish().line, Some(2), "{length}");
        }
    }

    #[test]
    fn waits_for_a_device_count_from_the_third_on() {
        let line = "[  120.000000] unregister_netdevice: waiting for lo to become free. Usage count = 5";
        for (times, count) in [(2, 0), (3, 1), (9, 1)] {
            assert_eq!(findings(&vec![line; times]).len(), count, "{times} times");
        }
    }

    #[test]
    fn last_line_of_a_panic_is_found_where_the_first_is_missing() {
        let first = "[    1.000000] Kernel panic - not syncing: Fatal exception";
        let last = "[    1.000001] ---[ end Kernel panic - not syncing: Fatal exception ]---";
        for lines in [&[first, last][..], &[last]] {
            let [Finding::Failure(failure)] = &findings(lines)[..] else { panic!("{lines:?}") };
            assert_eq!((failure.kind, failure.title.as_str()), (FailureKind::Panic, "Fatal exception"));
        }
    }

    #[test]
    fn later_lines_name_the_task_of_a_failure() {
        let oops = "[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010";
        let ran = "[    1.000001] CPU: 0 PID: 26 Comm: hog Not tainted 6.1.0 #1";
        let idles = "[    1.000001] CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.1.0 #1";
        let lockup = "[    1.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [hog:26]";
        let task = |finding: &Finding| match finding {
            Finding::FailureTask(task) => Some(task.pid),
            _ => None,
        };
        for (lines, pids) in
            [(&[oops, ran, ran][..], &[26][..]), (&[oops, idles], &[]), (&[lockup, ran], &[]), (&[ran], &[])]
        {
            assert_eq!(findings(lines).iter().filter_map(task).collect::<Vec<_>>(), pids, "{lines:?}");
        }
    }

    #[test]
    fn provoked_reports_count_apart() {
        let line = "[    1.000000] WARNING: CPU: 0 PID: 1 at mm/slub.c:1 f+0x1/0x2";
        let mut reader = Reader::default();
        for (number, provoked) in [(1, false), (2, true), (3, false), (4, true)] {
            reader.set_provoked(provoked);
            reader.push(number, line, |_| {});
        }
        let found = reader.finish().reports.into_iter().map(|known| (known.report.provoked, known.count));
        assert_eq!(found.collect::<Vec<_>>(), [(false, 2), (true, 2)]);
    }

    #[test]
    fn html_escapes_are_undone() {
        for (text, expected) in
            [("a &lt; b", "a < b"), ("a &gt; b", "a > b"), ("&lt;c0&gt;", "<c0>"), ("a & b", "a & b")]
        {
            assert_eq!(unescaped(text), expected);
        }
    }
}
