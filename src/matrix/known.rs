//! What a matrix may name: kernels and workloads, handed in as plain values.

use arch::Arch;
use model::{Expectation, Needs, RamMib};
use std::collections::BTreeMap;

/// What a matrix may name besides the architectures of [`arch::ALL`].
#[derive(Default)]
pub struct Known<'a> {
    /// Kernels by name.
    pub kernels: BTreeMap<String, &'a dyn KnownKernel>,
    /// Workloads by name.
    pub workloads: BTreeMap<String, &'a dyn KnownWorkload>,
}

/// A kernel of the catalogue, as far as a matrix must know it.
pub trait KnownKernel {
    /// Whether it can be had for an architecture.
    ///
    /// # Errors
    /// Why not, as a fragment that reads on after "`linux-6.1`": for example "is not built for arm".
    fn available(&self, arch: Arch) -> Result<(), String>;

    /// Whether it has what a workload needs of a kernel, as far as that is known without fetching or building it.
    ///
    /// # Errors
    /// What it lacks, as a fragment that reads on after "`linux-6.1`": for example "has no module virtio_blk for arm".
    fn provides(&self, arch: Arch, needs: &Needs) -> Result<(), String>;
}

/// A workload, as far as a matrix must know it.
pub trait KnownWorkload {
    /// Whether it can run on a machine.
    ///
    /// # Errors
    /// Why not, as a fragment, for example "fork-hog needs an MMU".
    fn fits(&self, arch: Arch, ram: RamMib) -> Result<(), String>;

    /// What it needs of the lab on a machine.
    fn needs(&self, arch: Arch, ram: RamMib) -> Needs;

    /// The verdict of a healthy kernel.
    fn healthy(&self, arch: Arch) -> Expectation;

    /// Checks the options that a matrix gives.
    ///
    /// # Errors
    /// The first option that is wrong.
    fn check_options(&self, options: &BTreeMap<String, String>) -> Result<(), WrongOption>;

    /// Names of its options, for suggestions.
    fn option_names(&self) -> Vec<&str>;
}

/// An option of a workload that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WrongOption {
    /// The option's name.
    pub option: String,
    /// Whether the name is wrong and not the value.
    pub unknown: bool,
    /// What is wrong, as a fragment.
    pub message: String,
}
