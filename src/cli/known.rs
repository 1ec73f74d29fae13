//! What a matrix may name, out of the catalogues of kernels and workloads.

use super::context::Context;
use super::error::CliError;
use crate::image::{Images, load_workloads};
use crate::kernel::{KernelError, Kernels, ModuleTree, Options, missing_option};
use crate::matrix::{Known, KnownKernel, KnownWorkload, WrongOption};
use crate::workload::{Manifest, OptionError};
use arch::Arch;
use model::{Cell, Expectation, KernelArtifact, KernelModule, Needs, RamMib, WorkloadName};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The catalogues of this invocation.
pub struct Catalogues {
    /// Kernels.
    pub kernels: Kernels,
    /// Workloads.
    pub workloads: BTreeMap<WorkloadName, Manifest>,
    /// Guest images.
    pub images: Images,
    /// Folder of the cache.
    pub cache: PathBuf,
    entries: Vec<CatalogueKernel>,
}

impl Catalogues {
    /// Reads them.
    ///
    /// # Errors
    /// When a description in them is wrong.
    pub fn read(context: &Context, mirror: Option<String>) -> Result<Self, CliError> {
        let kernels = Kernels::new(&context.assets, context.cache.clone(), Options { mirror })?;
        let entries = kernels.catalogue().entries().iter().map(|entry| entry.name.to_string());
        let entries = entries.map(|name| CatalogueKernel {
            name,
            kernels: kernels.clone(),
            cached: RefCell::default(),
            trees: RefCell::default(),
        });
        Ok(Self {
            entries: entries.collect(),
            kernels,
            workloads: load_workloads(&context.assets)?,
            images: Images::new(context.assets.clone(), context.cache.clone()),
            cache: context.cache.clone(),
        })
    }

    /// What a matrix may name.
    pub fn known(&self) -> Known<'_> {
        let kernels = self.entries.iter().map(|entry| (entry.name.clone(), entry as &dyn KnownKernel));
        let workloads =
            self.workloads.iter().map(|(name, manifest)| (name.to_string(), manifest as &dyn KnownWorkload));
        Known { kernels: kernels.collect(), workloads: workloads.collect() }
    }

    /// The modules that a cell loads; `None` when that is not known yet, for its kernel's modules are not in the cache.
    pub fn modules(&self, cell: &Cell, arch: Arch) -> Option<Vec<KernelModule>> {
        if cell.needs.modules.is_empty() {
            return Some(Vec::new());
        }
        let kernel = self.entries.iter().find(|entry| entry.name == cell.kernel.as_str())?;
        kernel.with_tree(arch, |tree| tree.load_order(&cell.needs.modules).ok())?
    }
}

struct CatalogueKernel {
    name: String,
    kernels: Kernels,
    /// Itself, by architecture, as far as it is in the cache, and what is known of its modules: every cell of the kernel asks.
    cached: RefCell<BTreeMap<&'static str, Option<KernelArtifact>>>,
    trees: RefCell<BTreeMap<&'static str, Option<ModuleTree>>>,
}

impl CatalogueKernel {
    fn cached(&self, arch: Arch) -> Option<KernelArtifact> {
        let mut cached = self.cached.borrow_mut();
        cached.entry(arch.name).or_insert_with(|| self.kernels.cached(&self.name, arch)).clone()
    }

    /// An option that the kernel lacks, as far as it is in the cache.
    fn missing_option<'a>(&self, arch: Arch, wanted: &'a [String]) -> Option<&'a str> {
        if wanted.is_empty() {
            return None;
        }
        missing_option(&self.cached(arch)?, wanted)
    }

    /// Asks the kernel's modules, if they are in the cache.
    fn with_tree<T>(&self, arch: Arch, ask: impl FnOnce(&ModuleTree) -> T) -> Option<T> {
        let mut trees = self.trees.borrow_mut();
        let tree = trees.entry(arch.name).or_insert_with(|| {
            let kernel = self.cached(arch)?;
            ModuleTree::of(&kernel).ok().flatten()
        });
        tree.as_ref().map(ask)
    }
}

impl KnownKernel for CatalogueKernel {
    fn available(&self, arch: Arch) -> Result<(), String> {
        let supported = self.kernels.catalogue().supports(&self.name, arch);
        supported.map(drop).map_err(|_| format!("is not there for {}", arch.name))
    }

    fn provides(&self, arch: Arch, needs: &Needs) -> Result<(), String> {
        if let Some(option) = self.missing_option(arch, &needs.config) {
            return Err(format!("has no CONFIG_{option}=y for {}", arch.name));
        }
        if needs.modules.is_empty() {
            return Ok(());
        }
        match self.with_tree(arch, |tree| tree.load_order(&needs.modules)) {
            Some(Err(KernelError::NoModule { module, .. })) => Err(format!("has no module {module} for {}", arch.name)),
            // What else may be wrong with the modules says itself when they are needed.
            _ => Ok(()),
        }
    }
}

impl KnownWorkload for Manifest {
    fn fits(&self, arch: Arch, ram: RamMib) -> Result<(), String> {
        Self::fits(self, arch, ram)
    }

    fn needs(&self, arch: Arch, ram: RamMib) -> Needs {
        Self::needs(self, arch, ram)
    }

    fn healthy(&self, arch: Arch) -> Expectation {
        Self::healthy(self, arch)
    }

    fn check_options(&self, options: &BTreeMap<String, String>) -> Result<(), WrongOption> {
        let wrong = Self::check_options(self, options).err().and_then(|errors| errors.into_iter().next());
        wrong.map_or(Ok(()), |error| {
            let message = error.to_string();
            Err(match error {
                // The diagnostic says itself what was meant.
                OptionError::Unknown { workload, option, .. } => WrongOption {
                    message: format!("workload `{workload}` has no option `{option}`"),
                    option,
                    unknown: true,
                },
                OptionError::Value { option, .. } => WrongOption { option, unknown: false, message },
            })
        })
    }

    fn option_names(&self) -> Vec<&str> {
        self.options.keys().map(String::as_str).collect()
    }
}
