//! Linux console output to lines, messages, findings and titled reports.

pub mod console;
pub mod signature;
mod task;

pub use task::Task;
