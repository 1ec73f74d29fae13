//! Judges a guest from outside: a pure state machine over recorded events.

mod also;
mod blocked;
mod blockers;
mod clock;
mod confirm;
mod console_hit;
mod counter_log;
mod detectors;
mod ends;
mod machine;
mod observations;
mod oom_kills;
mod probe_log;
#[cfg(test)]
mod reader_tests;
mod replay;
mod rules;
mod session;
mod setup;
mod snapshot;
mod stall;
mod task_evidence;
mod test_output;
mod title;

pub use machine::{Action, Watchdog};
pub use replay::{Replay, replay, retrace};
pub use setup::{Expects, NOMINAL_LOOP_US, Setup};
