//! A wrapped log's bytes → its lines.

use super::{Layer, Numbered, sniff};
use crate::console::clean;

/// Bytes of a record, escaped; longer ones are cut into several.
const MAX_RECORD: usize = 256 * 1024;

/// Takes the lines of a log out of its layers. Bounded by the longest record.
#[derive(Debug, Clone)]
pub(crate) struct Unwrapper {
    layers: Vec<Layer>,
    partial: Vec<u8>,
    /// Lines that have ended.
    lines: u64,
}

impl Unwrapper {
    /// For a log that begins with these bytes; `None` where nothing is around its lines.
    pub fn sniff(start: &[u8]) -> Option<Self> {
        let layers = sniff::layers(start);
        (!layers.is_empty()).then_some(Self { layers, partial: Vec::new(), lines: 0 })
    }

    /// Takes the next bytes and gives the lines that they completed, in order, with their numbers in the file.
    pub fn push(&mut self, mut bytes: &[u8], on_line: &mut impl FnMut(u64, &str)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.extend(&bytes[..end], on_line);
            self.record(on_line);
            self.lines += 1;
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes, on_line);
    }

    /// Gives what is left when the log has ended.
    pub fn finish(mut self, on_line: &mut impl FnMut(u64, &str)) {
        self.record(on_line);
        for at in 0..self.layers.len() {
            let mut rest = Vec::new();
            self.layers[at].finish(&mut rest);
            self.unwrap(at + 1, rest, on_line);
        }
    }

    fn extend(&mut self, mut bytes: &[u8], on_line: &mut impl FnMut(u64, &str)) {
        while self.partial.len() + bytes.len() > MAX_RECORD {
            let (now, rest) = bytes.split_at(MAX_RECORD - self.partial.len());
            self.partial.extend_from_slice(now);
            bytes = rest;
            // Of a list of records in one line, the whole ones.
            let end = memchr::memrchr(b'}', &self.partial).map_or(self.partial.len(), |end| end + 1);
            let rest = self.partial.split_off(end);
            self.record(on_line);
            self.partial = rest;
        }
        self.partial.extend_from_slice(bytes);
    }

    fn record(&mut self, on_line: &mut impl FnMut(u64, &str)) {
        if !self.partial.is_empty() {
            let text = clean(without_end(&self.partial));
            self.partial.clear();
            self.unwrap(0, vec![Numbered { number: self.lines + 1, text }], on_line);
        }
    }

    /// Takes lines out of the layers from this one on.
    fn unwrap(&mut self, from: usize, mut lines: Vec<Numbered>, on_line: &mut impl FnMut(u64, &str)) {
        for layer in self.layers.iter_mut().skip(from) {
            let mut inner = Vec::with_capacity(lines.len());
            lines.into_iter().for_each(|line| layer.push(line, &mut inner));
            lines = inner;
        }
        lines.iter().for_each(|line| on_line(line.number, &line.text));
    }
}

/// Without the `\r` that ends the lines of some systems.
fn without_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r'] = bytes {
        bytes = rest;
    }
    bytes
}
