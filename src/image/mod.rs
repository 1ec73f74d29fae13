//! Builds what the guest boots into: the agent and one workload, compiled for the guest's architecture and packed into
//! an initramfs, without root, once.

mod compile;
mod error;
mod flat;
mod images;
mod pack;
mod program;
mod workloads;

pub use error::ImageError;
pub use flat::FlatError;
pub use images::{ImageArtifact, Images};
pub use workloads::load_workloads;
