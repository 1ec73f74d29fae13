//! What trials cost, and in which order and on which machine they run. Pure.

mod costs;

pub use costs::{COSTS_SCHEMA, Costs, CostsError};
