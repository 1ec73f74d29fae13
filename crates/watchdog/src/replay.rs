//! Judging a recorded trial again.

use super::machine::Watchdog;
use super::setup::Setup;
use model::{Course, Record, Stamp, Verdict};

/// The verdict on recorded events, as this program's rules see them; `None` when the record ends before one.
///
/// The record holds the ticks of the trial as they happened, so the same rules give the same verdict.
pub fn replay<'a>(setup: Setup, records: impl IntoIterator<Item = &'a Record>) -> Option<Verdict> {
    retrace(setup, records).verdict
}

/// As [`replay`], with the stages up to the verdict.
pub fn retrace<'a>(setup: Setup, records: impl IntoIterator<Item = &'a Record>) -> Course {
    let mut watchdog = Watchdog::new(setup);
    let mut stages = vec![(Stamp::ZERO, watchdog.stage())];
    let mut kills = Vec::new();
    let mut known = 0;
    for record in records {
        watchdog.observe(record.at, &record.event);
        let stage = watchdog.stage();
        if stages.last().is_none_or(|(_, before)| *before != stage) {
            stages.push((record.at, stage));
        }
        let killed = watchdog.oom_kills();
        if killed > known {
            kills.push((record.at, killed));
            known = killed;
        }
    }
    watchdog.end_record();
    Course { stages, kills, verdict: watchdog.verdict() }
}
