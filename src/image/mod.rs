//! Builds what guests start from, without root, and once: the initramfs with the agent and one workload, compiled for the guest's
//! architecture, and root disks with Debian's packages.

mod compile;
mod error;
mod flat;
mod images;
mod key;
mod pack;
mod program;
mod root_disk;
mod workloads;

pub use error::ImageError;
pub use flat::FlatError;
pub use images::{ImageArtifact, Images, Root, RootFiles};
pub use root_disk::{Init, RootDisk, RootDiskSpec, RootDisks, read_root_disk};
pub use workloads::{load_workloads, read_workload};
