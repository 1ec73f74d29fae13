//! The failure rate of a noisy test over many runs: when it changed, and what to call that.

mod trend;

pub use trend::Trend;
