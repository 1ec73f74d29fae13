//! Reads symbols, types, tasks and memory counters out of a guest's registers and memory. Pure: the bytes come from
//! outside and are not trusted.

pub mod debuginfo;
pub mod symbols;
pub mod tasks;
