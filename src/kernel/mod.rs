//! Kernels to test: found in a catalogue, fetched or built, verified, cached.
//!
//! ```text
//! kernels/*.yaml ─read→ Catalogue ─prepare→ artifact in the cache
//!   debian         index → package → image
//!   debian-source  index → package → source tree → configuration → build → image
//!   git            fetch → source tree → configuration → build → image
//!   tree           state of a user's folder → source tree → configuration → build → image
//!   local          user kernels, as they are
//! patches          applied to the source tree before it is built (`kernels/patches/`)
//! ```
//!
//! All of it blocks; run it on a thread of its own and stop it through [`Progress::cancelled`].

mod artifact;
mod build;
mod busybox;
mod cache;
mod catalogue;
mod command;
mod config;
mod configuration;
mod debian;
mod debuginfo;
mod description;
mod effort;
mod entry;
mod error;
mod firmware;
mod footprint;
mod image;
mod in_use;
mod inventory;
mod kernels;
mod layouts;
mod machine;
mod modinfo;
mod modules;
mod newest;
mod output_tree;
mod packages;
mod patch;
mod prebuilt;
mod progress;
mod recipe;
mod selftests;
mod source;
mod symbol_file;
mod symbols;
mod toolchain;
mod unpack;
#[cfg(test)]
mod unpack_tests;
mod user;
mod variants;
mod work;
mod worktree;
mod zoo;

pub(crate) use cache::{digest_of, digest_of_file};
pub use catalogue::{Catalogue, Parts};
pub use config::{ConfigOption, Difference, Fragment, missing_option};
pub use configuration::{Configuration, Configurations, is_file, options};
pub use debuginfo::{TypesError, read_types};
pub use effort::Effort;
pub use entry::{KernelEntry, LocalImage, Source};
pub use error::KernelError;
pub use firmware::Firmware;
pub use footprint::Footprint;
pub use inventory::{Category, Inventory, Item, Prune, Pruned, Scope};
pub use kernels::{Kernels, Options};
pub use machine::ImageProblem;
pub use modules::ModuleTree;
pub use packages::PackageSet;
pub use patch::Patch;
pub use progress::{NullProgress, Progress, Stage, Update};
pub use selftests::Programs;
pub use symbol_file::symbol_file;
pub use symbols::{symbols_of, vmstat_items};
pub use unpack::{is_needed, unpack};
pub use user::user_name;
pub use work::{Size, Work};
