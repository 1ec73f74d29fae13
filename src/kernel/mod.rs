//! Kernels to test: found in a catalogue, fetched or built, verified, cached.
//!
//! ```text
//! kernels/*.yaml ─read→ Catalogue ─prepare→ artifact in the cache
//!   debian         index → package → image
//!   debian-source  index → package → source tree → configuration → build → image
//!   git            fetch → source tree → configuration → build → image
//!   local          the user's files as they are
//! edits            change the source tree before it is built (`kernels/edits/`)
//! ```
//!
//! All of it blocks; run it on a thread of its own and stop it through [`Progress::cancelled`].

mod artifact;
mod build;
mod cache;
mod catalogue;
mod command;
mod config;
mod debian;
mod debuginfo;
mod edit;
mod error;
mod image;
mod kernels;
mod layouts;
mod modinfo;
mod modules;
mod prebuilt;
mod progress;
mod source;
mod symbols;
mod toolchain;
mod variants;
mod worktree;
mod zoo;

pub use catalogue::{Catalogue, Entry, LocalImage, Source};
pub use config::{ConfigOption, Difference, Fragment, missing_option};
pub use debuginfo::read_types;
pub use edit::Edit;
pub use error::KernelError;
pub use kernels::{Kernels, Options};
pub use modules::ModuleTree;
pub use progress::{Progress, Stage, Unwatched, Update};
pub use symbols::symbols_of;
