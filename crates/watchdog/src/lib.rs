//! Judges a guest from outside: a pure state machine over recorded events.

mod blocked;
mod clock;
mod confirm;
mod detectors;
mod inquiry;
mod machine;
#[cfg(test)]
mod reader_tests;
mod replay;
mod rules;
mod seen;
mod setup;
mod stall;
mod title;

pub use machine::{Action, Watchdog};
pub use replay::{replay, retrace};
pub use setup::{NOMINAL_LOOP_US, Setup};
