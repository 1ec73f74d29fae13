//! Writes down what is seen, then lets it be judged.

use crate::host::Clock;
use crate::store::{StoreError, TrialDir};
use kmsg::console::{Console, Item};
use kmsg::signature::has_finding;
use model::{Beat, Event, Frame, Record};
use watchdog::{Action, Watchdog};

/// Bytes of console lines that are recorded whole; after that only lines that a signature knows.
const WHOLE_LINES: u64 = 4 * 1024 * 1024;

/// The record of one trial and its judge.
#[derive(Debug)]
pub(super) struct Recorder {
    pub dir: TrialDir,
    pub watchdog: Watchdog,
    pub clock: Clock,
    pub last_beat: Option<Beat>,
    /// Bytes of a page, as the agent said.
    pub page_bytes: Option<u32>,
    console: Console,
    line_bytes: u64,
    dropped: (u64, u64),
}

impl Recorder {
    pub fn new(dir: TrialDir, watchdog: Watchdog, clock: Clock) -> Self {
        Self {
            dir,
            watchdog,
            clock,
            last_beat: None,
            page_bytes: None,
            console: Console::default(),
            line_bytes: 0,
            dropped: (0, 0),
        }
    }

    /// Takes console bytes.
    pub fn console(&mut self, bytes: &[u8]) -> Result<Vec<Action>, StoreError> {
        self.dir.console(bytes)?;
        let mut items = Vec::new();
        self.console.push(bytes, &mut items);
        self.items(items)
    }

    /// The console has ended.
    pub fn console_end(&mut self) -> Result<Vec<Action>, StoreError> {
        let mut items = Vec::new();
        self.console.finish(&mut items);
        self.items(items)
    }

    /// Takes one event.
    pub fn event(&mut self, event: Event) -> Result<Vec<Action>, StoreError> {
        self.events(vec![event])
    }

    /// Puts the verdict on disk, so that nothing that happens afterwards loses it.
    pub fn keep_verdict(&self) -> Result<(), StoreError> {
        self.watchdog.verdict().map_or(Ok(()), |verdict| self.dir.verdict(&verdict))
    }

    fn items(&mut self, items: Vec<Item>) -> Result<Vec<Action>, StoreError> {
        let mut events: Vec<Event> = items.into_iter().filter_map(|item| self.event_of(item)).collect();
        if self.dropped.0 > 0 {
            let (lines, bytes) = std::mem::take(&mut self.dropped);
            events.push(Event::LinesDropped { lines, bytes });
        }
        self.events(events)
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
                if self.line_bytes > WHOLE_LINES && !has_finding(&text) {
                    self.dropped.0 += 1;
                    self.dropped.1 += text.len() as u64;
                    return None;
                }
                Some(Event::Line { text })
            }
        }
    }

    fn events(&mut self, events: Vec<Event>) -> Result<Vec<Action>, StoreError> {
        let at = self.clock.now();
        let records: Vec<Record> = events.into_iter().map(|event| Record { at, event }).collect();
        self.dir.events(&records)?;
        Ok(records.iter().flat_map(|record| self.watchdog.observe(record.at, &record.event)).collect())
    }
}
