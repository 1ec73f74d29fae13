//! A whole console log: bytes in, what is wrong out.

use super::assembler::Assembler;
use super::classification::{Classification, Reports};
use super::report::Report;
use super::search::find_hint;
use crate::console::{Console, Item, printk};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// The lengths of lines that mailers break with a `=` at their end (RFC 2045, 6.7: at most 76 characters).
const BROKEN: RangeInclusive<usize> = 70..=76;

/// Longer lines are not joined any more.
const LONGEST: usize = 4096;

/// Reads the bytes of a console log. Bounded, whatever they are, and the same however they are cut.
#[derive(Debug, Default)]
pub struct Log {
    console: Console,
    assembler: Assembler,
    reports: Reports,
    /// Lines that have ended.
    line: u64,
    /// The beginning of a line that a mailer broke, and the number of the first of its parts.
    broken: Option<(u64, String)>,
    items: Vec<Item>,
    ended: Vec<Report>,
}

impl Log {
    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        loop {
            if self.assembler.is_idle() && self.console.is_between_lines() && self.broken.is_none() {
                bytes = self.pass_over(bytes);
            }
            let Some(end) = memchr::memchr(b'\n', bytes) else { break };
            let (line, rest) = bytes.split_at(end + 1);
            self.console.push(line, &mut self.items);
            self.take();
            self.line += 1;
            bytes = rest;
        }
        self.console.push(bytes, &mut self.items);
        self.take();
    }

    /// Counts the lines at the start of some bytes that say nothing, as nearly all do, and gives the rest.
    fn pass_over<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let hint = find_hint(bytes).unwrap_or(bytes.len());
        let quiet = memchr::memrchr(b'\n', &bytes[..hint]).map_or(0, |end| end + 1);
        self.line += memchr::memchr_iter(b'\n', &bytes[..quiet]).count() as u64;
        &bytes[quiet..]
    }

    /// The log has ended: what is wrong in it.
    pub fn finish(mut self) -> Classification {
        self.console.finish(&mut self.items);
        self.take();
        if let Some((number, text)) = self.broken.take() {
            self.read(number, &text);
        }
        self.assembler.finish(&mut self.ended);
        self.ended.drain(..).for_each(|report| self.reports.push(report));
        self.reports.classify()
    }

    fn take(&mut self) {
        let mut items = std::mem::take(&mut self.items);
        for item in items.drain(..) {
            let Item::Line(part) = item else { continue };
            let breaks = part.ends_with('=') && BROKEN.contains(&part.len());
            let (number, mut text) = match self.broken.take() {
                Some((number, begin)) => (number, begin + &part),
                None => (self.line + 1, part),
            };
            if breaks && text.len() < LONGEST {
                text.pop();
                self.broken = Some((number, text));
            } else {
                self.read(number, &text);
            }
        }
        // Its memory serves the next line.
        self.items = items;
    }

    fn read(&mut self, number: u64, text: &str) {
        let text = unescaped(text);
        for message in printk::messages(&text) {
            self.assembler.push(number, &message, &mut self.ended);
        }
        self.ended.drain(..).for_each(|report| self.reports.push(report));
    }
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

    /// A message of which a mailer has broken the line, with its `=` in this column.
    fn broken_at(column: usize) -> String {
        let message =
            format!("[    1.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [{}:26]", "h".repeat(30));
        let (begin, rest) = message.split_at(column - 1);
        format!("{begin}=\n{rest}\n")
    }

    fn read(text: &str) -> Classification {
        let mut log = Log::default();
        log.push(text.as_bytes());
        log.finish()
    }

    #[test]
    fn lines_that_a_mailer_broke_are_joined() {
        for (column, joined) in [(69, false), (70, true), (76, true), (77, false)] {
            let found = read(&(broken_at(column) + "[    1.000000] next\n"));
            assert_eq!(found.task.is_some_and(|task| task.pid == Some(26)), joined, "{column}");
        }
    }

    #[test]
    fn an_endless_line_is_read_before_its_end() {
        let part = |text: &str| format!("{text:x<75}=\n");
        let head = part("[    1.000000] BUG: kernel NULL pointer dereference, address: 0 ");
        for (parts, line) in [(40, Some(1)), (60, Some(56))] {
            let mut text = head.clone();
            (0..parts).for_each(|_| text += &part("x"));
            text += "[    1.000000] Kernel panic - not syncing: stopped\n";
            let found = read(&text);
            let panic = found.reports.iter().find(|known| known.report.kind == super::super::ReportKind::Panic);
            assert_eq!((found.line, panic.map(|known| known.report.line)), (Some(1), line), "{parts}");
        }
    }

    #[test]
    fn escapes_of_html_are_undone() {
        for (text, expected) in
            [("a &lt; b", "a < b"), ("a &gt; b", "a > b"), ("&lt;c0&gt;", "<c0>"), ("a & b", "a & b")]
        {
            assert_eq!(unescaped(text), expected);
        }
    }
}
