//! Judges a guest from outside: a pure state machine over recorded events.

mod clock;
mod machine;
mod replay;
mod rules;
mod seen;
mod setup;

pub use machine::{Action, Stage, Watchdog};
pub use replay::replay;
pub use setup::{NOMINAL_LOOP_US, Setup};
