//! The names that a matrix may use, from the catalogues of kernels and workloads.

use super::context::Context;
use super::error::CliError;
use super::output;
use crate::image::{Images, load_workloads};
use crate::kernel::{
    Footprint, KernelEntry, KernelError, Kernels, ModuleTree, Options, Source, missing_option, options,
};
use crate::matrix::{KernelLack, Known, KnownKernel, KnownKernels, KnownWorkload, UnknownKernel, WrongOption};
use crate::workload::{Manifest, OptionError, Unfit};
use arch::Arch;
use model::{Cell, Expectation, KernelArtifact, KernelModule, KernelName, Needs, RamMib, WorkloadName};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

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
    cached: CachedKernels,
    /// The same as on a machine whose cache is empty.
    uncached: CachedKernels,
}

impl Catalogues {
    /// Reads them.
    ///
    /// # Errors
    /// When a description in them is wrong.
    pub fn read(context: &Context, mirror: Option<String>) -> Result<Self, CliError> {
        Self::newer_than(context, mirror, None)
    }

    /// Reads them; the kernels that are prepared are no older than what their sources had at this time.
    ///
    /// # Errors
    /// See [`Catalogues::read`].
    pub fn newer_than(context: &Context, mirror: Option<String>, time: Option<SystemTime>) -> Result<Self, CliError> {
        let options = Options { mirror, commit_limit: context.commit_limit, newer_than: time };
        let kernels = Kernels::new(&context.assets, context.cache.clone(), options)?;
        let workloads = load_workloads(&context.assets)?;
        output::notify_broken(kernels.catalogue().broken(), context.color);
        output::notify_broken(&workloads.broken, context.color);
        Ok(Self {
            cached: CachedKernels::new(&kernels, true),
            uncached: CachedKernels::new(&kernels, false),
            kernels,
            workloads: workloads.known,
            images: Images::new(context.assets.clone(), context.cache.clone()),
            cache: context.cache.clone(),
        })
    }

    /// Adds kernels for this invocation.
    pub fn add(&mut self, entries: Vec<KernelEntry>) {
        entries.into_iter().for_each(|entry| self.kernels.add(entry));
        self.cached = CachedKernels::new(&self.kernels, true);
        self.uncached = CachedKernels::new(&self.kernels, false);
    }

    /// The names that a matrix may use.
    pub fn known(&self) -> Known<'_> {
        self.known_with(&self.cached)
    }

    /// The names that a matrix may use, with what every machine knows of them: nothing of what is in the cache.
    pub fn known_everywhere(&self) -> Known<'_> {
        self.known_with(&self.uncached)
    }

    fn known_with<'k>(&'k self, kernels: &'k CachedKernels) -> Known<'k> {
        let workloads =
            self.workloads.iter().map(|(name, manifest)| (name.to_string(), manifest as &dyn KnownWorkload));
        Known { kernels, workloads: workloads.collect() }
    }

    /// The release of a kernel; `None` while the kernel is not in the cache.
    pub fn release(&self, kernel: &str, arch: Arch) -> Option<String> {
        let artifact = self.cached.kernel(kernel).ok()?.artifact(arch)?;
        Some(artifact.release).filter(|release| !release.is_empty())
    }

    /// The modules that a cell loads; `None` while its kernel's modules are not in the cache.
    pub fn modules(&self, cell: &Cell, arch: Arch) -> Option<Vec<KernelModule>> {
        if cell.needs.modules.is_empty() {
            return Some(Vec::new());
        }
        let kernel = self.cached.kernel(cell.kernel.as_str()).ok()?;
        kernel.with_tree(arch, |tree| tree.load_order(&cell.needs.modules).ok())?
    }
}

/// The kernels of a catalogue that were asked for.
struct CachedKernels {
    /// They share it: there may be hundreds of commits.
    kernels: Arc<Kernels>,
    /// Whether what is in the cache counts.
    uses_cache: bool,
    found: RefCell<BTreeMap<String, Rc<CachedKernel>>>,
}

impl CachedKernels {
    fn new(kernels: &Kernels, uses_cache: bool) -> Self {
        Self { kernels: Arc::new(kernels.clone()), uses_cache, found: RefCell::default() }
    }

    fn kernel(&self, name: &str) -> Result<Rc<CachedKernel>, KernelError> {
        if let Some(kernel) = self.found.borrow().get(name) {
            return Ok(Rc::clone(kernel));
        }
        self.kernels.catalogue().find(name)?;
        let kernel = Rc::new(CachedKernel {
            name: name.to_owned(),
            kernels: Arc::clone(&self.kernels),
            uses_cache: self.uses_cache,
            artifacts: RefCell::default(),
            trees: RefCell::default(),
            footprints: RefCell::default(),
            lacks: RefCell::default(),
        });
        self.found.borrow_mut().insert(name.to_owned(), Rc::clone(&kernel));
        Ok(kernel)
    }
}

impl KnownKernels for CachedKernels {
    fn names(&self, arch: Arch) -> Vec<String> {
        let entries = self.kernels.catalogue().entries().iter().filter(|entry| entry.arches().contains(&arch));
        entries.map(|entry| entry.name.to_string()).collect()
    }

    fn find(&self, name: &str) -> Result<Rc<dyn KnownKernel + '_>, UnknownKernel> {
        self.kernel(name).map(|kernel| kernel as Rc<dyn KnownKernel>).map_err(|error| {
            let known = self.kernels.catalogue().suggestions(name).unwrap_or_default();
            match error {
                KernelError::Unknown { .. } => UnknownKernel::of(name, known),
                // Its problems are listed elsewhere.
                KernelError::Description(_) => {
                    UnknownKernel { message: format!("the description of kernel `{name}` is wrong"), known }
                }
                error => UnknownKernel { message: error.to_string(), known },
            }
        })
    }
}

/// A kernel with its artifacts and modules in the cache, by architecture. They are looked up once: every cell of the kernel
/// needs them.
struct CachedKernel {
    name: String,
    kernels: Arc<Kernels>,
    uses_cache: bool,
    artifacts: RefCell<BTreeMap<Arch, Option<KernelArtifact>>>,
    trees: RefCell<BTreeMap<Arch, Option<ModuleTree>>>,
    footprints: RefCell<BTreeMap<Arch, Option<Footprint>>>,
    lacks: RefCell<Lacks>,
}

/// An option that a kernel lacks, of those that a workload needs.
type Lacks = BTreeMap<(Arch, Vec<String>), Option<KernelLack>>;

impl CachedKernel {
    fn artifact(&self, arch: Arch) -> Option<KernelArtifact> {
        if !self.uses_cache {
            return None;
        }
        let mut artifacts = self.artifacts.borrow_mut();
        artifacts.entry(arch).or_insert_with(|| self.kernels.cached(&self.name, arch)).clone()
    }

    /// An option that the kernel lacks, as far as that is known: from its configuration, or from the fragments for it.
    fn missing_option(&self, arch: Arch, needs: &Needs) -> Option<KernelLack> {
        let wanted: Vec<String> = options(needs).map(str::to_owned).collect();
        if wanted.is_empty() {
            return None;
        }
        let mut lacks = self.lacks.borrow_mut();
        lacks.entry((arch, wanted)).or_insert_with_key(|(_, wanted)| self.lack_of(arch, wanted, &needs.config)).clone()
    }

    /// `built_in`: those of the wanted options that a kernel with modules needs, too.
    fn lack_of(&self, arch: Arch, wanted: &[String], built_in: &[String]) -> Option<KernelLack> {
        let entry = self.kernels.catalogue().find(&self.name).ok()?;
        let fragments = entry.build.get(&arch);
        let wanted = if fragments.is_some() { wanted } else { built_in };
        let missing = match self.artifact(arch) {
            Some(artifact) => missing_option(&artifact, wanted),
            None => wanted.iter().map(String::as_str).find(|option| {
                fragments.is_some_and(|fragments| !fragments.iter().any(|fragment| fragment.builds_in(option)))
            }),
        }?;
        let fragment = self.kernels.catalogue().fragment_with(missing).ok().flatten().filter(|_| fragments.is_some());
        let with = fragment.map(|fragment| KernelName::new(format!("{}+{}", self.name, fragment.name)));
        Some(KernelLack::Option { option: missing.to_owned(), arch, with })
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

impl KnownKernel for CachedKernel {
    fn available(&self, arch: Arch) -> Result<(), KernelLack> {
        let supported = self.kernels.catalogue().supports(&self.name, arch);
        supported.map(drop).map_err(|_| KernelLack::Arch(arch))
    }

    fn image_ram(&self, arch: Arch, has_initrd: bool) -> Option<RamMib> {
        let mut footprints = self.footprints.borrow_mut();
        let footprint = footprints.entry(arch).or_insert_with(|| Footprint::read(&self.artifact(arch)?.image));
        footprint.map(|footprint| footprint.min_ram(has_initrd))
    }

    fn min_ram(&self, arch: Arch) -> Option<RamMib> {
        let entry = self.kernels.catalogue().find(&self.name).ok();
        let is_debian = entry.is_some_and(|entry| matches!(entry.source, Source::Debian { .. }));
        arch.kernel.debian.filter(|_| is_debian).map(|debian| debian.min_ram)
    }

    fn provides(&self, arch: Arch, needs: &Needs) -> Result<(), KernelLack> {
        if let Some(lack) = self.missing_option(arch, needs) {
            return Err(lack);
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

    fn needs(&self, arch: Arch, ram: RamMib, options: &BTreeMap<String, String>) -> Needs {
        Self::needs(self, arch, ram, options)
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
