//! A whole console log: bytes in, what is wrong out.

use super::assembler::Assembler;
use super::classification::{Classification, Reports};
use super::report::Report;
use super::search::find_hint;
use crate::console::{Console, Item, printk};

/// Reads the bytes of a console log. Bounded, whatever they are, and the same however they are cut.
#[derive(Debug, Default)]
pub struct Log {
    console: Console,
    assembler: Assembler,
    reports: Reports,
    /// Lines that have ended.
    line: u64,
    items: Vec<Item>,
    ended: Vec<Report>,
}

impl Log {
    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        loop {
            if self.assembler.is_idle() && self.console.is_between_lines() {
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
        self.assembler.finish(&mut self.ended);
        self.ended.drain(..).for_each(|report| self.reports.push(report));
        self.reports.classify()
    }

    fn take(&mut self) {
        for item in self.items.drain(..) {
            let Item::Line(text) = item else { continue };
            for message in printk::messages(&text) {
                self.assembler.push(self.line + 1, &message, &mut self.ended);
            }
        }
        self.ended.drain(..).for_each(|report| self.reports.push(report));
    }
}
