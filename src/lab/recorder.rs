//! Records events, then passes them to the watchdog.

use super::journal::Journal;
use crate::store::StoreError;
use kmsg::console::{Console, Item};
use kmsg::signature::has_finding;
use model::{Beat, Event, Frame, Record, Stamp};
use watchdog::{Action, Watchdog};

/// Maximum bytes of console lines that are all recorded; later only lines that match a signature.
const MAX_WHOLE_LINES: u64 = 4 * 1024 * 1024;

/// Reads the console and feeds the watchdog.
#[derive(Debug)]
pub(super) struct Recorder {
    pub watchdog: Watchdog,
    pub last_beat: Option<Beat>,
    /// Page size in bytes, from the agent.
    pub page_bytes: Option<u32>,
    console: Console,
    line_bytes: u64,
    dropped: (u64, u64),
}

impl Recorder {
    pub fn new(watchdog: Watchdog) -> Self {
        Self {
            watchdog,
            last_beat: None,
            page_bytes: None,
            console: Console::default(),
            line_bytes: 0,
            dropped: (0, 0),
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

    fn items(&mut self, at: Stamp, items: Vec<Item>, journal: &mut dyn Journal) -> Result<Vec<Action>, StoreError> {
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
            Item::Damaged(text) => Some(Event::FrameDamaged { text }),
            Item::Line(text) => {
                self.line_bytes += text.len() as u64;
                if self.line_bytes > MAX_WHOLE_LINES && !has_finding(&text) {
                    self.dropped.0 += 1;
                    self.dropped.1 += text.len() as u64;
                    return None;
                }
                Some(Event::Line { text })
            }
        }
    }

    fn events(&mut self, at: Stamp, events: Vec<Event>, journal: &mut dyn Journal) -> Result<Vec<Action>, StoreError> {
        let records: Vec<Record> = events.into_iter().map(|event| Record { at, event }).collect();
        journal.events(&records)?;
        Ok(records.iter().flat_map(|record| self.watchdog.observe(record.at, &record.event)).collect())
    }
}
