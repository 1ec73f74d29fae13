//! The failure rate of a noisy test over many runs: when it changed, and what to call that.

mod assess;
mod position;
mod retry;
mod segment;
mod series;
mod settings;
mod trend;

pub use assess::{Assessment, Expectation, assess};
pub use position::{Position, Rate};
pub use segment::{Segment, Start, segments};
pub use settings::{Settings, SettingsError};
pub use trend::Trend;
