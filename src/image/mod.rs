//! Builds the guest's initramfs: the agent and one workload, compiled for the guest's architecture; without root, and once.

mod compile;
mod error;
mod flat;
mod images;
mod pack;
mod program;
mod workloads;

pub use error::ImageError;
pub use flat::FlatError;
pub use images::{ImageArtifact, Images, Root};
pub use workloads::{load_workloads, read_workload};
