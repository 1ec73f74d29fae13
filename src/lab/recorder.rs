//! Records events, then passes them to the watchdog.

use super::journal::Journal;
use super::test_log::TestLog;
use crate::store::StoreError;
use kmsg::console::{Console, Item};
use kmsg::signature::has_finding;
use model::{Beat, Event, Frame, Record, Stamp};
use watchdog::{Action, Watchdog};

/// Maximum bytes of console lines and damaged frames that are all recorded; later only lines that match a signature.
const MAX_WHOLE_LINES: u64 = 4 * 1024 * 1024;

/// Stands in the output where the rest is left out.
const CUT: &[u8] = b"\n(the rest is left out)\n";

/// Reads the console and feeds the watchdog.
#[derive(Debug)]
pub(super) struct Recorder {
    pub watchdog: Watchdog,
    pub last_beat: Option<Beat>,
    /// Page size in bytes, from the agent.
    pub page_bytes: Option<u32>,
    console: Console,
    test_log: TestLog,
    line_bytes: u64,
    dropped: (u64, u64),
    is_full: bool,
}

impl Recorder {
    pub fn new(watchdog: Watchdog) -> Self {
        Self {
            watchdog,
            last_beat: None,
            page_bytes: None,
            console: Console::default(),
            test_log: TestLog::default(),
            line_bytes: 0,
            dropped: (0, 0),
            is_full: false,
        }
    }

    /// Handles console bytes.
    pub fn console(&mut self, at: Stamp, bytes: &[u8], journal: &mut dyn Journal) -> Result<Vec<Action>, StoreError> {
        journal.console(bytes)?;
        let mut items = Vec::new();
        self.console.push(bytes, &mut items);
        self.items(at, items, journal)
    }

    /// Handles the end of the console.
    pub fn console_end(&mut self, at: Stamp, journal: &mut dyn Journal) -> Result<Vec<Action>, StoreError> {
        let mut items = Vec::new();
        self.console.finish(&mut items);
        self.items(at, items, journal)
    }

    /// Handles one event.
    pub fn event(&mut self, at: Stamp, event: Event, journal: &mut dyn Journal) -> Result<Vec<Action>, StoreError> {
        self.events(at, vec![event], journal)
    }

    /// Handles what a test prints over SSH.
    pub fn test_output(
        &mut self,
        at: Stamp,
        bytes: &[u8],
        journal: &mut dyn Journal,
    ) -> Result<Vec<Action>, StoreError> {
        let piece = self.test_log.push(at, bytes);
        journal.output(piece.kept)?;
        if piece.is_cut {
            journal.output(CUT)?;
        }
        let events = piece.events.into_iter().map(|what| Event::Ssh { what }).collect();
        self.events(at, events, journal)
    }

    /// Handles the end of a test.
    pub fn test_end(&mut self, at: Stamp, journal: &mut dyn Journal) -> Result<Vec<Action>, StoreError> {
        let events = self.test_log.finish().into_iter().map(|what| Event::Ssh { what }).collect();
        self.events(at, events, journal)
    }

    /// Keeps what a script prints, as lines.
    fn keep_output(&self, items: &[Item], journal: &mut dyn Journal) -> Result<(), StoreError> {
        for item in items {
            match item {
                Item::Frame { frame: Frame::Output { dropped: 0, text, more }, .. } => {
                    journal.output(text.as_bytes())?;
                    journal.output(if *more { b"" } else { b"\n" })?;
                }
                Item::Frame { frame: Frame::Output { .. }, .. } => journal.output(CUT)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn items(&mut self, at: Stamp, items: Vec<Item>, journal: &mut dyn Journal) -> Result<Vec<Action>, StoreError> {
        if self.watchdog.runs_script() {
            self.keep_output(&items, journal)?;
        }
        let mut events: Vec<Event> = items.into_iter().filter_map(|item| self.event_of(item)).collect();
        if self.dropped.0 > 0 {
            let (lines, bytes) = std::mem::take(&mut self.dropped);
            events.push(Event::LinesDropped { lines, bytes });
        }
        self.events(at, events, journal)
    }

    fn event_of(&mut self, item: Item) -> Option<Event> {
        match item {
            Item::Frame { seq, frame } => {
                match &frame {
                    Frame::Beat(beat) => self.last_beat = Some(*beat),
                    Frame::Hello { page_bytes, .. } => self.page_bytes = Some(*page_bytes),
                    _ => {}
                }
                Some(Event::Agent { seq, frame })
            }
            Item::Damaged(text) => self.is_kept(&text, |_| false).then_some(Event::FrameDamaged { text }),
            Item::Line(text) => self.is_kept(&text, has_finding).then_some(Event::Line { text }),
        }
    }

    /// Whether a line is recorded; one that is not is counted.
    fn is_kept(&mut self, text: &str, matters: impl FnOnce(&str) -> bool) -> bool {
        self.line_bytes += text.len() as u64;
        let is_kept = self.line_bytes <= MAX_WHOLE_LINES || matters(text);
        if !is_kept {
            self.dropped.0 += 1;
            self.dropped.1 += text.len() as u64;
        }
        is_kept
    }

    fn events(&mut self, at: Stamp, events: Vec<Event>, journal: &mut dyn Journal) -> Result<Vec<Action>, StoreError> {
        let mut records: Vec<Record> = events.into_iter().map(|event| Record { at, event }).collect();
        if !self.is_full {
            if journal.is_full() {
                // A guest may report failures without end. Its trial goes on and is judged; the record says where it ends.
                self.is_full = true;
                records.insert(0, Record { at, event: Event::RecordFull });
                journal.events(&records[..1])?;
            } else {
                journal.events(&records)?;
            }
        }
        Ok(records.iter().flat_map(|record| self.watchdog.observe(record.at, &record.event)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Bundle, Caveat, Outcome, Timeouts, Verdict};
    use watchdog::{Setup, replay};

    /// A record of at most so many events.
    struct Short {
        events: Vec<Record>,
        max: usize,
    }

    impl Journal for Short {
        fn console(&mut self, _: &[u8]) -> Result<(), StoreError> {
            Ok(())
        }

        fn events(&mut self, records: &[Record]) -> Result<(), StoreError> {
            self.events.extend_from_slice(records);
            Ok(())
        }

        fn is_full(&self) -> bool {
            self.events.len() >= self.max
        }

        fn verdict(&mut self, _: &Verdict) -> Result<(), StoreError> {
            Ok(())
        }

        fn file(&mut self, _: &str, _: &[u8]) -> Result<(), StoreError> {
            Ok(())
        }

        fn bundle(&mut self, _: &Bundle) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn setup() -> Setup {
        Setup::new(false, Timeouts::default())
    }

    fn recorded(max: usize, texts: &[&str]) -> (Option<Verdict>, Vec<Record>) {
        let (mut recorder, mut journal) = (Recorder::new(Watchdog::new(setup())), Short { events: Vec::new(), max });
        for (text, at) in texts.iter().zip(1..) {
            recorder.console(Stamp::from_micros(at), text.as_bytes(), &mut journal).unwrap();
        }
        let exit =
            Event::Exited { code: Some(0), signal: None, stderr: String::new(), host_oom: false, oom_limit: None };
        recorder.event(Stamp::from_secs_f64(60.0), exit, &mut journal).unwrap();
        (recorder.watchdog.verdict(), journal.events)
    }

    #[test]
    fn full_record_ends_with_a_marker_and_judging_goes_on() {
        let panic = "[    2.000000] Kernel panic - not syncing: boom\n";
        let mut texts = vec!["[    1.000000] Out of memory: Killed process 26 (hog) total-vm:6228kB\n"; 50];
        texts.push(panic);
        let (verdict, events) = recorded(10, &texts);
        let verdict = verdict.expect("it is judged");
        assert_eq!((verdict.outcome(), verdict.caveats), (Outcome::Crash, vec![Caveat::RecordFull]));
        assert_eq!((events.len(), &events[10].event), (11, &Event::RecordFull));
        assert_eq!(replay(setup(), &events), None, "what was not recorded cannot be judged again");

        let (verdict, events) = recorded(1000, &texts);
        assert_eq!(verdict.map(|verdict| verdict.caveats), Some(Vec::new()));
        assert_eq!(events.len(), 52);
    }

    #[test]
    fn damaged_frames_are_counted_like_lines() {
        let frame = format!("@oomlab 3 started name={}\n", "x".repeat(1000));
        let chunk = frame.repeat(64);
        let (_, events) = recorded(usize::MAX, &vec![chunk.as_str(); 200]);
        let bytes: u64 = events
            .iter()
            .map(|record| match &record.event {
                Event::FrameDamaged { text } => text.len() as u64,
                _ => 0,
            })
            .sum();
        let dropped: u64 = events
            .iter()
            .map(|record| match record.event {
                Event::LinesDropped { lines, .. } => lines,
                _ => 0,
            })
            .sum();
        assert!(bytes <= MAX_WHOLE_LINES && bytes > MAX_WHOLE_LINES / 2, "{bytes}");
        let kept = events.iter().filter(|record| matches!(record.event, Event::FrameDamaged { .. })).count() as u64;
        assert_eq!(kept + dropped, 200 * 64);
    }
}
