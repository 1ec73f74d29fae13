//! Runs side by side, for a terminal and as JSON.

mod cell;
mod comparison;
mod figures;
mod flaky;
mod json;
mod runs;

pub use cell::cell;
pub use comparison::comparison;
pub use flaky::flaky;
pub use json::{cells_json, comparison_json, flaky_json, runs_json};
pub use runs::runs;
