//! A run's record as text for a person, JSON, JUnit XML, and a trial as a shell script. Nothing here touches a file.

mod json;
mod junit;
mod layout;
mod script;
mod table;
mod tally;
mod text;

pub use json::json;
pub use junit::junit;
pub use layout::Style;
pub use script::{ScriptError, script};
pub use text::text;
