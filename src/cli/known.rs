//! The names that a matrix may use, from the catalogues of kernels and workloads.

use super::context::Context;
use super::error::CliError;
use super::output;
use crate::image::{Images, load_workloads};
use crate::kernel::{Footprint, KernelEntry, KernelError, Kernels, ModuleTree, Options, missing_option};
use crate::matrix::{KernelLack, Known, KnownKernel, KnownWorkload, WrongOption};
use crate::workload::{Manifest, OptionError, Unfit};
use arch::Arch;
use model::{Cell, Expectation, KernelArtifact, KernelModule, Needs, RamMib, WorkloadName};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

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
    cached: Vec<CachedKernel>,
}

impl Catalogues {
    /// Reads them.
    ///
    /// # Errors
    /// When a description in them is wrong.
    pub fn read(context: &Context, mirror: Option<String>) -> Result<Self, CliError> {
        let options = Options { mirror, commit_limit: context.commit_limit };
        let kernels = Kernels::new(&context.assets, context.cache.clone(), options)?;
        let workloads = load_workloads(&context.assets)?;
        output::notify_broken(kernels.catalogue().broken(), context.color);
        output::notify_broken(&workloads.broken, context.color);
        Ok(Self {
            cached: cached(&kernels),
            kernels,
            workloads: workloads.known,
            images: Images::new(context.assets.clone(), context.cache.clone()),
            cache: context.cache.clone(),
        })
    }

    /// Adds kernels for this invocation.
    pub fn add(&mut self, entries: Vec<KernelEntry>) {
        entries.into_iter().for_each(|entry| self.kernels.add(entry));
        self.cached = cached(&self.kernels);
    }

    /// The names that a matrix may use.
    pub fn known(&self) -> Known<'_> {
        let kernels = self.cached.iter().map(|kernel| (kernel.name.clone(), kernel as &dyn KnownKernel));
        let workloads =
            self.workloads.iter().map(|(name, manifest)| (name.to_string(), manifest as &dyn KnownWorkload));
        Known { kernels: kernels.collect(), workloads: workloads.collect() }
    }

    /// The modules that a cell loads; `None` while its kernel's modules are not in the cache.
    pub fn modules(&self, cell: &Cell, arch: Arch) -> Option<Vec<KernelModule>> {
        if cell.needs.modules.is_empty() {
            return Some(Vec::new());
        }
        let kernel = self.cached.iter().find(|kernel| kernel.name == cell.kernel.as_str())?;
        kernel.with_tree(arch, |tree| tree.load_order(&cell.needs.modules).ok())?
    }
}

/// A kernel of the catalogue with its artifacts and modules in the cache, by architecture. They are looked up once: every
/// cell of the kernel needs them.
struct CachedKernel {
    name: String,
    kernels: Arc<Kernels>,
    artifacts: RefCell<BTreeMap<Arch, Option<KernelArtifact>>>,
    trees: RefCell<BTreeMap<Arch, Option<ModuleTree>>>,
    footprints: RefCell<BTreeMap<Arch, Option<Footprint>>>,
}

impl CachedKernel {
    fn artifact(&self, arch: Arch) -> Option<KernelArtifact> {
        let mut artifacts = self.artifacts.borrow_mut();
        artifacts.entry(arch).or_insert_with(|| self.kernels.cached(&self.name, arch)).clone()
    }

    /// An option that the kernel lacks, as far as it is in the cache.
    fn missing_option<'a>(&self, arch: Arch, wanted: &'a [String]) -> Option<&'a str> {
        if wanted.is_empty() {
            return None;
        }
        missing_option(&self.artifact(arch)?, wanted)
    }

    /// Hands the kernel's modules to `read`, if they are in the cache.
    fn with_tree<T>(&self, arch: Arch, read: impl FnOnce(&ModuleTree) -> T) -> Option<T> {
        let mut trees = self.trees.borrow_mut();
        let tree = trees.entry(arch).or_insert_with(|| {
            let kernel = self.artifact(arch)?;
            ModuleTree::of(&kernel).ok().flatten()
        });
        tree.as_ref().map(read)
    }
}

/// The kernels of a catalogue. They share it: there may be hundreds of commits.
fn cached(kernels: &Kernels) -> Vec<CachedKernel> {
    let kernels = Arc::new(kernels.clone());
    let new = |entry: &KernelEntry| CachedKernel {
        name: entry.name.to_string(),
        kernels: Arc::clone(&kernels),
        artifacts: RefCell::default(),
        trees: RefCell::default(),
        footprints: RefCell::default(),
    };
    kernels.catalogue().entries().iter().map(new).collect()
}

impl KnownKernel for CachedKernel {
    fn available(&self, arch: Arch) -> Result<(), KernelLack> {
        let supported = self.kernels.catalogue().supports(&self.name, arch);
        supported.map(drop).map_err(|_| KernelLack::Arch(arch))
    }

    fn min_ram(&self, arch: Arch, has_initrd: bool) -> Option<RamMib> {
        let mut footprints = self.footprints.borrow_mut();
        let footprint = footprints.entry(arch).or_insert_with(|| Footprint::read(&self.artifact(arch)?.image));
        footprint.map(|footprint| footprint.min_ram(has_initrd))
    }

    fn provides(&self, arch: Arch, needs: &Needs) -> Result<(), KernelLack> {
        if let Some(option) = self.missing_option(arch, &needs.config) {
            return Err(KernelLack::Option { option: option.to_owned(), arch });
        }
        if needs.modules.is_empty() {
            return Ok(());
        }
        match self.with_tree(arch, |tree| tree.load_order(&needs.modules)) {
            Some(Err(KernelError::NoModule { module, .. })) => Err(KernelLack::Module { module, arch }),
            // Other errors are reported when the modules are needed.
            _ => Ok(()),
        }
    }
}

impl KnownWorkload for Manifest {
    fn fits(&self, arch: Arch, ram: RamMib) -> Result<(), Unfit> {
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
                // The diagnostic adds the suggestion.
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
