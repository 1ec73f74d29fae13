//! Reports of recorded trials that were judged again.

mod difference;
mod json;
mod text;
mod trial;

pub use json::json;
pub use text::{text, total};
pub use trial::{Comparison, Recorded, Standing, Trial};
