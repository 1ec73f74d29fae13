//! A whole console log: bytes in, what is wrong out.

use super::classification::Classification;
use super::reader::Reader;
use super::search::find_hint;
use crate::console::{Console, Item};
use crate::container::Unwrapper;

/// Bytes from which it is known what a log is wrapped in.
const SAMPLE: usize = 64 * 1024;

/// Reads the bytes of a log: a console's, or what a collector made of it. Bounded for any input, and the same however they are
/// cut.
#[derive(Debug)]
pub struct Log {
    stage: Stage,
    text: Text,
}

/// How far it is known what the log is wrapped in.
#[derive(Debug)]
enum Stage {
    /// Not yet: its beginning.
    Begins(Vec<u8>),
    /// In nothing.
    Plain,
    /// In the layers of this.
    Wrapped(Unwrapper),
}

impl Default for Log {
    fn default() -> Self {
        Self { stage: Stage::Begins(Vec::new()), text: Text::default() }
    }
}

impl Log {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        match &mut self.stage {
            Stage::Begins(start) => {
                let (now, rest) = bytes.split_at(bytes.len().min(SAMPLE - start.len()));
                start.extend_from_slice(now);
                if start.len() == SAMPLE {
                    self.begin();
                    self.push(rest);
                }
            }
            Stage::Plain => self.text.push(bytes),
            Stage::Wrapped(unwrapper) => unwrapper.push(bytes, &mut |number, line| self.text.line(number, line)),
        }
    }

    /// The log has ended: what is wrong in it.
    pub fn finish(mut self) -> Classification {
        self.begin();
        if let Stage::Wrapped(unwrapper) = self.stage {
            unwrapper.finish(&mut |number, line| self.text.line(number, line));
        }
        self.text.finish()
    }

    /// Finds out what the log is wrapped in.
    fn begin(&mut self) {
        if let Stage::Begins(start) = &mut self.stage {
            let start = std::mem::take(start);
            self.stage = Unwrapper::sniff(&start).map_or(Stage::Plain, Stage::Wrapped);
            self.push(&start);
        }
    }
}

/// Reads lines that nothing is around.
#[derive(Debug, Default)]
struct Text {
    console: Console,
    reader: Reader,
    /// Lines that have ended.
    lines: u64,
    items: Vec<Item>,
}

impl Text {
    fn push(&mut self, mut bytes: &[u8]) {
        loop {
            if self.is_idle() {
                bytes = self.pass_over(bytes);
            }
            let Some(end) = memchr::memchr(b'\n', bytes) else { break };
            let (line, rest) = bytes.split_at(end + 1);
            self.console.push(line, &mut self.items);
            self.read();
            self.lines += 1;
            bytes = rest;
        }
        self.console.push(bytes, &mut self.items);
        self.read();
    }

    /// Takes the line of this number in the file, without its end.
    fn line(&mut self, number: u64, line: &str) {
        self.lines = number - 1;
        if self.is_idle() && find_hint(line.as_bytes()).is_none() {
            return;
        }
        self.console.push(line.as_bytes(), &mut self.items);
        self.console.push(b"\n", &mut self.items);
        self.read();
    }

    fn finish(mut self) -> Classification {
        self.console.finish(&mut self.items);
        self.read();
        self.reader.finish()
    }

    /// Whether nothing that comes can belong to what came.
    fn is_idle(&self) -> bool {
        self.reader.is_idle() && self.console.is_between_lines()
    }

    /// Counts the lines at the start of some bytes that say nothing, as nearly all do, and gives the rest.
    fn pass_over<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let hint = find_hint(bytes).unwrap_or(bytes.len());
        let quiet = memchr::memrchr(b'\n', &bytes[..hint]).map_or(0, |end| end + 1);
        self.lines += memchr::memchr_iter(b'\n', &bytes[..quiet]).count() as u64;
        &bytes[quiet..]
    }

    fn read(&mut self) {
        for item in self.items.drain(..) {
            if let Item::Line(line) = item {
                self.reader.push(self.lines + 1, &line, |_| {});
            }
        }
    }
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
    fn endless_broken_lines_are_read_in_parts() {
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
}
