//! What a test prints over SSH, as lines for the watchdog and as bytes for `output.log`.

use model::{SshEvent, Stamp};
use std::time::Duration;

/// Bytes of a test's output that are kept, with those that each line takes in the record.
const MAX_COST: usize = 4 << 20;
const LINE_COST: usize = 64;

/// Bytes of one line: the guest is hostile.
const MAX_LINE: usize = 16 * 1024;

/// How often what is left out is reported, which is a sign of progress.
const DROPPED_PERIOD: Duration = Duration::from_secs(1);

/// Splits a test's output.
#[derive(Debug, Default)]
pub(super) struct TestLog {
    cost: usize,
    line: Vec<u8>,
    dropped: u64,
    reported: Option<Stamp>,
}

/// A part of the output.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    /// Of this part, what is kept.
    pub kept: &'a [u8],
    /// Whether the rest is left out from here on.
    pub is_cut: bool,
    /// What it says.
    pub events: Vec<SshEvent>,
}

impl TestLog {
    /// The next bytes.
    pub fn push<'a>(&mut self, at: Stamp, bytes: &'a [u8]) -> Piece<'a> {
        let (kept, rest) = bytes.split_at(self.room(bytes));
        let mut events = Vec::new();
        for part in kept.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                events.push(self.take_line(false));
            } else if self.line.len() >= MAX_LINE {
                events.push(self.take_line(true));
            }
        }
        let is_cut = !rest.is_empty() && self.reported.is_none();
        self.dropped += rest.len() as u64;
        let is_due = self.reported.is_none_or(|reported| at.since(reported) >= DROPPED_PERIOD);
        if self.dropped > 0 && is_due {
            events.extend(self.take_dropped());
            self.reported = Some(at);
        }
        Piece { kept, is_cut, events }
    }

    /// How many of these bytes are kept.
    fn room(&mut self, bytes: &[u8]) -> usize {
        let mut room = 0;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let cost = part.len() + LINE_COST;
            if self.cost + cost > MAX_COST {
                // Nothing that comes later is kept either.
                self.cost = MAX_COST;
                break;
            }
            self.cost += cost;
            room += part.len();
        }
        room
    }

    /// The rest: the test may end without a newline.
    pub fn finish(&mut self) -> Vec<SshEvent> {
        let line = (!self.line.is_empty()).then(|| self.take_line(true));
        line.into_iter().chain(self.take_dropped()).collect()
    }

    fn take_line(&mut self, more: bool) -> SshEvent {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        // A terminal ends lines with `\r\n`.
        SshEvent::Output { text: text.trim_end_matches(['\n', '\r']).to_owned(), more }
    }

    fn take_dropped(&mut self) -> Option<SshEvent> {
        let bytes = std::mem::take(&mut self.dropped);
        (bytes > 0).then_some(SshEvent::OutputDropped { bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> SshEvent {
        SshEvent::Output { text: text.to_owned(), more: false }
    }

    #[test]
    fn lines_are_put_together() {
        let (mut log, at) = (TestLog::default(), Stamp::ZERO);
        assert_eq!(log.push(at, b"ok 1\r\nnot ").events, [line("ok 1")]);
        assert_eq!(log.push(at, b"ok 2\n\n").events, [line("not ok 2"), line("")]);
        assert_eq!(log.push(at, b"end").events, []);
        assert_eq!(log.finish(), [SshEvent::Output { text: "end".to_owned(), more: true }]);
        assert_eq!(log.finish(), []);
    }

    #[test]
    fn endless_output_is_bounded_and_counted() {
        let mut log = TestLog::default();
        let chunk = [b'x'; 64 * 1024];
        let (mut kept, mut cuts, mut dropped, mut longest) = (0, 0, 0, 0);
        for second in 0..1000 {
            let piece = log.push(Stamp::from_secs_f64(f64::from(second) / 4.0), &chunk);
            kept += piece.kept.len();
            cuts += usize::from(piece.is_cut);
            for event in piece.events.into_iter() {
                match event {
                    SshEvent::OutputDropped { bytes } => dropped += bytes,
                    SshEvent::Output { text, .. } => longest = longest.max(text.len()),
                    other => panic!("{other:?}"),
                }
            }
        }
        for event in log.finish() {
            match event {
                SshEvent::OutputDropped { bytes } => dropped += bytes,
                other => panic!("{other:?}"),
            }
        }
        assert!(kept > MAX_COST - 2 * chunk.len() && kept <= MAX_COST, "{kept}");
        assert_eq!((cuts, dropped), (1, 1000 * chunk.len() as u64 - kept as u64));
        assert!(longest <= MAX_LINE + chunk.len(), "{longest}");
    }

    #[test]
    fn short_lines_cost_what_they_take_in_the_record() {
        let (mut log, at) = (TestLog::default(), Stamp::ZERO);
        let lines: usize = (0..1000).map(|_| log.push(at, "y\n".repeat(16 * 1024).as_bytes()).events.len()).sum();
        assert!(lines <= MAX_COST / LINE_COST + 1, "{lines}");
    }
}
