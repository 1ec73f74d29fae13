//! A draft of a mail to a kernel list about a failure, and the lint for a draft that a person has edited.
//!
//! ```text
//! Facts ─refusal→ why there is no draft
//!   └ topic, evidence, excerpt, regression, recipients ─draft→ headers and text
//! ```
//!
//! The text claims what a record shows, and names what was not tested. What the guest or a repository wrote is escaped, and never
//! begins a line: it can forge neither a header nor a command to a bot.

mod counts;
mod draft;
mod evidence;
mod excerpt;
mod facts;
pub mod lint;
mod mailbox;
mod maintainers;
mod prose;
mod recipients;
mod refusal;
mod regression;
mod release;
mod reproduce;
mod setup;
mod topic;

pub use counts::Occurrence;
pub use draft::draft;
pub use facts::{Attachment, Facts, KernelOrigin, Origin};
pub use mailbox::Mailbox;
pub use maintainers::Maintainers;
pub use recipients::{Recipients, recipients};
pub use refusal::{Refusal, refusal};
pub use regression::{FirstBad, Regression, TestedCommit, people, upstream_commit};
pub use reproduce::{MAX_ATTACHMENT, good_kernels};
pub use topic::files;
