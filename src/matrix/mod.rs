//! Matrices: YAML text → raw → resolved → expanded → a plan, with every error of the text at once.
//!
//! [`load`] is the whole way; [`single`] makes a plan of one cell without YAML. What a matrix may name is handed in
//! as [`Known`]; nothing here touches a file. The format is explained in `docs/matrix.md`.

mod canary;
mod criterion;
mod difference;
mod expand;
mod fail_on;
mod faults;
mod fields;
mod filter;
mod fit;
mod glob;
mod id;
mod known;
mod load;
mod names;
mod quarantine;
mod raw;
mod resolve;
mod schema;
mod select;
mod single;
mod values;

pub use difference::Difference;
pub use fail_on::{UnknownReport, fail_on};
pub use faults::{FaultError, faults};
pub use filter::Filter;
pub use fit::impossible;
pub use glob::matches as matches_glob;
pub use id::{cell_id, with_kernel};
pub use known::{KernelLack, Known, KnownKernel, KnownKernels, KnownWorkload, UnknownKernel, WrongOption};
pub use load::load;
pub use quarantine::{Purpose, QuarantineFile, Quarantined, Quarantining, drop_expired, quarantine, quarantine_schema};
pub use schema::json_schema;
pub use single::{SingleCell, SingleKernel, SinglePayload, ram_caution, single};
