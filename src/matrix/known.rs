//! The kernels and workloads that a matrix may name, as the caller knows them.

use crate::workload::Unfit;
use arch::Arch;
use model::{Expectation, KernelName, Needs, RamMib};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The names that a matrix may use besides the architectures of [`arch::ALL`].
pub struct Known<'a> {
    /// Kernels.
    pub kernels: &'a dyn KnownKernels,
    /// Workloads by name.
    pub workloads: BTreeMap<String, &'a dyn KnownWorkload>,
}

/// The kernels that a matrix may name.
pub trait KnownKernels {
    /// The kernel of a name.
    ///
    /// # Errors
    /// Why there is none.
    fn find(&self, name: &str) -> Result<Rc<dyn KnownKernel + '_>, UnknownKernel>;

    /// Names of the kernels of the catalogue that exist for an architecture.
    fn names(&self, arch: Arch) -> Vec<String>;
}

/// A kernel that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnknownKernel {
    /// What is wrong, as a sentence.
    pub message: String,
    /// Names that may have been meant.
    pub known: Vec<String>,
}

/// What a kernel lacks; reads on after the kernel's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelLack {
    /// It does not exist for the architecture.
    #[error("is not available for {0}")]
    Arch(Arch),
    /// An option is not built in.
    #[error("has no CONFIG_{option}=y for {arch}")]
    Option {
        /// The option, without `CONFIG_`.
        option: String,
        /// The architecture.
        arch: Arch,
        /// The same kernel with the option, if it can be built.
        with: Option<KernelName>,
    },
    /// A module is neither built in nor loadable.
    #[error("has no module {module} for {arch}")]
    Module {
        /// The module.
        module: String,
        /// The architecture.
        arch: Arch,
    },
}

impl KernelLack {
    /// The same kernel with what this one lacks, if it can be built.
    pub fn remedy(&self) -> Option<&KernelName> {
        match self {
            Self::Option { with, .. } => with.as_ref(),
            Self::Arch(_) | Self::Module { .. } => None,
        }
    }
}

/// A kernel of the catalogue, as far as a matrix must know it.
pub trait KnownKernel {
    /// Whether it exists for an architecture.
    ///
    /// # Errors
    /// When it does not.
    fn available(&self, arch: Arch) -> Result<(), KernelLack>;

    /// The minimum RAM that takes its image, as far as that is known without fetching or building it.
    fn image_ram(&self, arch: Arch, has_initrd: bool) -> Option<RamMib>;

    /// The minimum RAM that is known to suffice for a kernel like it.
    fn min_ram(&self, arch: Arch) -> Option<RamMib>;

    /// Whether it has what a workload needs of a kernel, as far as that is known without fetching or building it.
    ///
    /// # Errors
    /// What it lacks.
    fn provides(&self, arch: Arch, needs: &Needs) -> Result<(), KernelLack>;
}

/// A workload, as far as a matrix must know it.
pub trait KnownWorkload {
    /// Whether it can run on a machine.
    ///
    /// # Errors
    /// Why not.
    fn fits(&self, arch: Arch, ram: RamMib) -> Result<(), Unfit>;

    /// Its needs on a machine with these options.
    fn needs(&self, arch: Arch, ram: RamMib, options: &BTreeMap<String, String>) -> Needs;

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
    /// Whether the name is wrong, not the value.
    pub unknown: bool,
    /// What is wrong, as a fragment.
    pub message: String,
}

impl UnknownKernel {
    /// A name that no kernel has.
    pub fn of(name: &str, known: impl IntoIterator<Item = String>) -> Self {
        Self { message: format!("unknown kernel `{name}`"), known: known.into_iter().collect() }
    }
}
