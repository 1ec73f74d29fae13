//! Judging a recorded trial again.

use super::machine::Watchdog;
use super::setup::Setup;
use model::{Course, Record, Stage, Stamp, Verdict};

/// The verdict on recorded events, as this program's rules see them; `None` when the record ends before one.
///
/// The record holds the ticks of the trial as they happened, so the same rules give the same verdict.
pub fn replay<'a>(setup: Setup, records: impl IntoIterator<Item = &'a Record>) -> Option<Verdict> {
    retrace(setup, records).verdict
}

/// As [`replay`], with the stages up to the verdict.
pub fn retrace<'a>(setup: Setup, records: impl IntoIterator<Item = &'a Record>) -> Course {
    let mut replay = Replay::new(setup);
    records.into_iter().for_each(|record| replay.observe(record));
    replay.finish()
}

/// A recorded trial that is judged again event by event: none is kept.
#[derive(Debug)]
pub struct Replay {
    watchdog: Watchdog,
    stages: Vec<(Stamp, Stage)>,
    kills: Vec<(Stamp, u64)>,
}

impl Replay {
    /// Before the first event.
    pub fn new(setup: Setup) -> Self {
        let watchdog = Watchdog::new(setup);
        Self { stages: vec![(Stamp::ZERO, watchdog.stage())], kills: Vec::new(), watchdog }
    }

    /// The next event.
    pub fn observe(&mut self, record: &Record) {
        self.watchdog.observe(record.at, &record.event);
        let stage = self.watchdog.stage();
        if self.stages.last().is_none_or(|(_, before)| *before != stage) {
            self.stages.push((record.at, stage));
        }
        let killed = self.watchdog.oom_kills();
        if killed > self.kills.last().map_or(0, |(_, kills)| *kills) {
            self.kills.push((record.at, killed));
        }
    }

    /// After the last event.
    pub fn finish(mut self) -> Course {
        self.watchdog.end_record();
        Course { stages: self.stages, kills: self.kills, verdict: self.watchdog.verdict() }
    }
}
