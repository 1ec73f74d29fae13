//! A run's record as text for a person, JSON, JUnit XML; a trial as a shell script and a timeline. Nothing here touches a
//! file.

mod axis;
mod json;
mod junit;
mod layout;
mod script;
mod table;
mod tally;
mod text;
mod timeline;

pub use json::json;
pub use junit::junit;
pub use layout::Style;
pub use script::{ScriptError, script};
pub use text::text;
pub use timeline::timeline;
