//! Quarantine files: which failures of which cells are known, and until when. `docs/quarantine.md` explains the format.

mod apply;
mod entry;
mod schema;

pub use apply::{Purpose, Quarantined, Quarantining, drop_expired, quarantine};
pub use entry::QuarantineFile;
pub use schema::quarantine_schema;
