//! Judging a recorded trial again.

use super::machine::Watchdog;
use super::setup::Setup;
use crate::model::{Record, Verdict};

/// The verdict on recorded events, as this program's rules see them; `None` when the record ends before one.
///
/// The record holds the ticks of the trial as they happened, so the same rules give the same verdict.
pub fn replay<'a>(setup: Setup, records: impl IntoIterator<Item = &'a Record>) -> Option<Verdict> {
    let mut watchdog = Watchdog::new(setup);
    for record in records {
        watchdog.observe(record.at, &record.event);
    }
    watchdog.verdict().cloned()
}
