//! Prepares a plan's cells: kernels, guest images, the accelerator.

use super::trial::{Ready, Test, TestDisk};
use crate::host::{AccelChoice, Accelerator, probe_kvm};
use crate::image::Images;
use crate::kernel::{Firmware, Footprint, KernelError, Kernels, Progress, missing_option};
use crate::workload::Manifest;
use arch::Arch;
use model::{Cell, CellId, Digest, KernelArtifact, KernelName, Kind, Payload, Plan, RuleId, Verdict, WorkloadName};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A requirement of a cell, or the verdict if it cannot be met.
pub(super) type Needed<T> = Result<T, Box<Verdict>>;

/// An image and its digest.
type Image = (PathBuf, Digest);

/// The key of an image; an image with modules, or with tests of the kernel's source, is for one kernel.
type ImageKey = (Arch, WorkloadName, Option<KernelName>);

/// Where kernels and images come from.
#[derive(Clone)]
pub struct Sources {
    /// The catalogue's kernels.
    pub kernels: Arc<Kernels>,
    /// Guest images.
    pub images: Arc<Images>,
    /// Workloads by name.
    pub workloads: Arc<BTreeMap<WorkloadName, Manifest>>,
    /// A kernel that the user provides; cells with its name boot it.
    pub own: Option<KernelArtifact>,
    /// A program of the user's runs in place of QEMU: it brings its own firmware.
    pub own_qemu: bool,
    /// Folder where LTP is installed.
    pub ltp: Option<PathBuf>,
    /// Folder of the cache.
    pub cache: PathBuf,
    /// Maximum number of concurrent compilers.
    pub jobs: usize,
}

/// The accelerator of each architecture, with the reason.
pub type Accelerators = BTreeMap<Arch, AccelChoice>;

impl Sources {
    /// The accelerators of a plan's architectures.
    pub async fn accelerators(&self, plan: &Plan) -> Accelerators {
        let mut found = Accelerators::new();
        for cell in &plan.cells {
            if let Entry::Vacant(unknown) = found.entry(cell.arch) {
                unknown.insert(probe_kvm(cell.arch, &self.cache).await);
            }
        }
        found
    }

    /// Prepares each kernel and image of the plan once; `found` receives each cell's as soon as they are there. A failure
    /// becomes the verdict of the cells that need it. Kernels that are in the cache come first, so that their cells boot while
    /// others compile. Returns early when `cancel` and `progress` are cancelled.
    pub async fn prepare(
        &self,
        plan: &Plan,
        accelerators: &Accelerators,
        progress: Arc<dyn Progress + Send>,
        cancel: &CancellationToken,
        mut found: impl FnMut(CellId, Result<Ready, Box<Verdict>>),
    ) {
        let accelerators: BTreeMap<Arch, Accelerator> =
            accelerators.iter().map(|(arch, choice)| (*arch, Accelerator::probed(choice, &self.cache))).collect();
        let parallel = plan.cells.iter().filter(|cell| cell.vcpus > 1).map(|cell| cell.arch).collect();
        let mut preparation = Preparation { parallel, ..Preparation::default() };
        for cell in self.in_order(plan) {
            if cancel.is_cancelled() {
                return;
            }
            let accelerator = accelerators.get(&cell.arch).cloned();
            let ready = preparation.cell(self, cell, accelerator, &progress).await;
            found(cell.id.clone(), ready);
        }
    }

    /// The cells in the order in which they are prepared.
    fn in_order<'p>(&self, plan: &'p Plan) -> Vec<&'p Cell> {
        let mut known: BTreeMap<(&KernelName, Arch), bool> = BTreeMap::new();
        let mut is_there = |cell: &'p Cell| {
            *known
                .entry((&cell.kernel, cell.arch))
                .or_insert_with(|| self.is_own(cell) || self.kernels.cached(cell.kernel.as_str(), cell.arch).is_some())
        };
        let (there, missing): (Vec<_>, Vec<_>) = plan.cells.iter().partition(|cell| is_there(cell));
        [there, missing].concat()
    }

    fn is_own(&self, cell: &Cell) -> bool {
        self.own.as_ref().is_some_and(|own| own.name == cell.kernel)
    }

    async fn firmware(&self, arch: Arch, progress: Arc<dyn Progress + Send>) -> Firmware {
        if self.own_qemu || arch.qemu.opensbi.is_none() {
            return Firmware::default();
        }
        let kernels = Arc::clone(&self.kernels);
        let work = move || kernels.firmware(arch, progress.as_ref());
        match tokio::task::spawn_blocking(work).await {
            // An interrupted run boots nothing.
            Ok(firmware) => firmware.unwrap_or_default(),
            Err(panic) => resume_unwind(panic.into_panic()),
        }
    }

    async fn kernel(&self, cell: &Cell, spec: Arch, progress: Arc<dyn Progress + Send>) -> Needed<KernelArtifact> {
        if let Some(own) = self.own.as_ref().filter(|_| self.is_own(cell)) {
            return Ok(own.clone());
        }
        let (kernels, name, jobs) = (Arc::clone(&self.kernels), cell.kernel.clone(), self.jobs);
        let work = move || kernels.prepare(name.as_str(), spec, jobs, progress.as_ref());
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(artifact)) => Ok(artifact),
            Ok(Err(error @ KernelError::Cancelled)) => Err(verdict(Kind::Interrupted, error.to_string())),
            Ok(Err(error)) => Err(unavailable(error.to_string())),
            Err(panic) => resume_unwind(panic.into_panic()),
        }
    }

    /// The image of a cell's workload, with the modules of the cell's kernel that it needs.
    async fn image(
        &self,
        spec: Arch,
        cell: &Cell,
        workload: &WorkloadName,
        kernel: Option<&KernelArtifact>,
        progress: Arc<dyn Progress + Send>,
    ) -> Needed<Image> {
        let sources = self.clone();
        let (workload, kernel, wanted) = (workload.clone(), kernel.cloned(), cell.needs.modules.clone());
        let name = cell.kernel.clone();
        let work = move || -> Needed<Image> {
            let modules = kernel.map(|kernel| sources.kernels.modules(&kernel, spec, &wanted, progress.as_ref()));
            let modules = modules.unwrap_or(Ok(Vec::new())).map_err(|error| match error {
                KernelError::Cancelled => verdict(Kind::Interrupted, error.to_string()),
                error => unavailable(error.to_string()),
            })?;
            let failed = |reason: String| verdict(Kind::ImageUnavailable, reason);
            let manifest = sources.workloads.get(&workload);
            let manifest = manifest.ok_or_else(|| failed(format!("unknown workload `{workload}`")))?;
            let image = sources.with_root(spec, &name, manifest, progress.as_ref(), |root| {
                sources.images.image(spec, manifest, &modules, root)
            })?;
            Ok((image.path, image.digest))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic.into_panic()),
        }
    }
}

/// What is prepared so far.
#[derive(Default)]
struct Preparation {
    kernels: BTreeMap<(KernelName, Arch), Needed<KernelArtifact>>,
    /// With the modules in them, which are not the same for all options of a workload.
    images: BTreeMap<(ImageKey, Vec<String>), Needed<Image>>,
    disks: BTreeMap<ImageKey, Needed<TestDisk>>,
    firmwares: BTreeMap<Arch, Firmware>,
    /// Architectures of guests with several vCPUs.
    parallel: BTreeSet<Arch>,
}

impl Preparation {
    async fn cell(
        &mut self,
        sources: &Sources,
        cell: &Cell,
        accelerator: Option<Accelerator>,
        progress: &Arc<dyn Progress + Send>,
    ) -> Needed<Ready> {
        let key = (cell.kernel.clone(), cell.arch);
        if !self.kernels.contains_key(&key) {
            self.kernels.insert(key.clone(), sources.kernel(cell, cell.arch, Arc::clone(progress)).await);
        }
        let kernel = self.kernels[&key].clone();
        let initrd = match &cell.payload {
            Payload::Initrd(initrd) => initrd.path.as_deref().map(own_initrd).transpose(),
            Payload::Workload { name, .. } => self.image(sources, cell, name, &kernel, progress).await.map(Some),
        };
        let kernel = kernel?;
        if let Some(reason) = misfit(&kernel, cell) {
            return Err(unavailable(reason));
        }
        let test = self.test(sources, cell, progress).await?;
        let accelerator = accelerator.ok_or_else(|| unavailable(format!("no accelerator for {}", cell.arch)))?;
        if let Entry::Vacant(unknown) = self.firmwares.entry(cell.arch) {
            let firmware = unknown.insert(sources.firmware(cell.arch, Arc::clone(progress)).await);
            if let Some(warning) = warning(cell.arch, firmware).filter(|_| self.parallel.contains(&cell.arch)) {
                progress.note(&warning);
            }
        }
        let firmware = self.firmwares[&cell.arch].file.clone();
        Ok(Ready { kernel, initrd: initrd?, firmware, test, accelerator })
    }

    /// The test of a cell whose user space is on a root disk.
    async fn test(
        &mut self,
        sources: &Sources,
        cell: &Cell,
        progress: &Arc<dyn Progress + Send>,
    ) -> Needed<Option<Test>> {
        let (Some(script), Payload::Workload { name, .. }) = (&cell.needs.script, &cell.payload) else {
            return Ok(None);
        };
        let Some(image) = &script.image else { return Ok(None) };
        let own = script.selftests.is_some().then(|| cell.kernel.clone());
        let key = (cell.arch, name.clone(), own);
        if !self.disks.contains_key(&key) {
            let (sources, cell, progress) = (sources.clone(), cell.clone(), Arc::clone(progress));
            let (script, image) = (script.clone(), image.clone());
            let work = move || sources.root_disk(&cell, (&script, &image), progress.as_ref());
            let disk =
                tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| resume_unwind(panic.into_panic()));
            self.disks.insert(key.clone(), disk);
        }
        let disk = self.disks[&key].clone()?;
        Ok(sources.test(cell, disk))
    }

    async fn image(
        &mut self,
        sources: &Sources,
        cell: &Cell,
        workload: &WorkloadName,
        kernel: &Needed<KernelArtifact>,
        progress: &Arc<dyn Progress + Send>,
    ) -> Needed<Image> {
        let has_tests = cell.needs.script.as_ref().is_some_and(|script| script.selftests.is_some());
        let own = Some(&cell.kernel).filter(|_| has_tests || !cell.needs.modules.is_empty());
        let key = ((cell.arch, workload.clone(), own.cloned()), cell.needs.modules.clone());
        if let Some(image) = self.images.get(&key) {
            return image.clone();
        }
        let image = match (own, kernel) {
            (Some(_), Err(verdict)) => Err(verdict.clone()),
            (_, kernel) => sources.image(cell.arch, cell, workload, kernel.as_ref().ok(), Arc::clone(progress)).await,
        };
        self.images.insert(key, image.clone());
        image
    }
}

/// Guests with one vCPU start well with any firmware.
fn warning(arch: Arch, firmware: &Firmware) -> Option<String> {
    let (version, error) = firmware.unsound.as_ref()?;
    Some(format!(
        "OpenSBI {version} of this host sometimes starts a second vCPU of {arch} at a wrong address, and a newer one is \
         missing: {error}"
    ))
}

/// Why a kernel does not fit its cell. A plan leaves such a cell out once the kernel is in the cache.
fn misfit(kernel: &KernelArtifact, cell: &Cell) -> Option<String> {
    let Cell { kernel: name, arch, ram, .. } = cell;
    if let Some(option) = missing_option(kernel, &cell.needs.config) {
        let remedy = if cell.needs.root_disk().is_some() { "; the fragment `root-disk` has it" } else { "" };
        return Some(format!(
            "{name} has no CONFIG_{option}=y for {arch}, which {} needs{remedy}",
            cell.workload_name()
        ));
    }
    let min = Footprint::read(&kernel.image)?.min_ram(cell.payload.has_initrd());
    (*ram < min).then(|| format!("{name} for {arch} needs at least {min} of RAM, not {ram}"))
}

fn unavailable(reason: String) -> Box<Verdict> {
    verdict(Kind::KernelUnavailable, reason)
}

pub(super) fn verdict(kind: Kind, reason: String) -> Box<Verdict> {
    Box::new(Verdict::new(kind, RuleId::Prepare, reason))
}

fn own_initrd(path: &Path) -> Needed<Image> {
    let digest = crate::store::digest_file(path)
        .map_err(|error| verdict(Kind::ImageUnavailable, format!("cannot read {}: {error}", path.display())))?;
    Ok((path.to_owned(), digest.1))
}
