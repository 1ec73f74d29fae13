//! Workloads: what puts a guest under memory pressure, as described by the `manifest.yaml` in each folder of
//! `images/workloads/`.

mod catalogue;
mod manifest;
mod needs;
mod option;
mod script;
mod unfit;

pub use catalogue::{Workloads, catalogue};
pub use manifest::{Manifest, MmuNeed};
pub use needs::{DiskNeed, DiskSize, NeedsSpec, ValueNeeds};
pub use option::{OptionError, OptionSpec, OptionType};
pub use script::{ScriptSpec, file_name, is_package_name, needs_of_image};
pub use unfit::Unfit;
