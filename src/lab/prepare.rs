//! Prepares a plan's cells: kernels, guest images, the accelerator.

use super::run::Prepared;
use super::trial::Ready;
use crate::host::{AccelChoice, Accelerator, probe_kvm};
use crate::image::Images;
use crate::kernel::{Footprint, KernelError, Kernels, Progress, missing_option};
use crate::workload::Manifest;
use arch::Arch;
use model::{Cell, Digest, KernelArtifact, KernelName, Kind, Payload, Plan, RuleId, Verdict, WorkloadName};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A requirement of a cell, or the verdict if it cannot be met.
type Needed<T> = Result<T, Box<Verdict>>;

/// An image and its digest.
type Image = (PathBuf, Digest);

/// The key of an image; an image with modules is for one kernel.
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
    /// Folder of the cache.
    pub cache: PathBuf,
    /// Maximum number of concurrent compilers.
    pub jobs: usize,
}

/// Prepared cells.
#[derive(Default)]
pub struct Readiness {
    /// By cell id: the cell's kernel and image, or the verdict if they are missing.
    pub prepared: Prepared,
    /// The accelerator of each architecture, with the reason.
    pub accels: BTreeMap<Arch, AccelChoice>,
}

impl Sources {
    /// Prepares each kernel and image of the plan once. A failure becomes the verdict of the cells that need it. Returns early
    /// when `cancel` and `progress` are cancelled.
    pub async fn prepare(
        &self,
        plan: &Plan,
        progress: Arc<dyn Progress + Send>,
        cancel: &CancellationToken,
    ) -> Readiness {
        let mut readiness = Readiness::default();
        let mut kernels: BTreeMap<(KernelName, Arch), Needed<KernelArtifact>> = BTreeMap::new();
        let mut images: BTreeMap<ImageKey, Needed<Image>> = BTreeMap::new();
        let mut accelerators: BTreeMap<Arch, Accelerator> = BTreeMap::new();
        for cell in &plan.cells {
            if cancel.is_cancelled() {
                break;
            }
            let spec = cell.arch;
            let key = (cell.kernel.clone(), cell.arch);
            if !kernels.contains_key(&key) {
                kernels.insert(key.clone(), self.kernel(cell, spec, Arc::clone(&progress)).await);
            }
            let initrd = match &cell.payload {
                Payload::Initrd(initrd) => initrd.path.as_deref().map(own_initrd).transpose(),
                Payload::Workload { name, .. } => {
                    let own = Some(&cell.kernel).filter(|_| !cell.needs.modules.is_empty());
                    let image_key = (cell.arch, name.clone(), own.cloned());
                    if !images.contains_key(&image_key) {
                        let image = match (&own, &kernels[&key]) {
                            (Some(_), Err(verdict)) => Err(verdict.clone()),
                            (_, kernel) => {
                                self.image(spec, cell, name, kernel.as_ref().ok(), Arc::clone(&progress)).await
                            }
                        };
                        images.insert(image_key.clone(), image);
                    }
                    images[&image_key].clone().map(Some)
                }
            };
            if let Entry::Vacant(unknown) = readiness.accels.entry(cell.arch) {
                let choice = probe_kvm(spec, &self.cache).await;
                accelerators.insert(cell.arch, Accelerator::probed(&choice, &self.cache));
                unknown.insert(choice);
            }
            let accelerator = accelerators[&cell.arch].clone();
            let ready = kernels[&key].clone().and_then(|kernel| match misfit(&kernel, cell) {
                Some(reason) => Err(unavailable(reason)),
                None => Ok(Ready { kernel, initrd: initrd?, accelerator }),
            });
            readiness.prepared.insert(cell.id.clone(), ready);
        }
        readiness
    }

    async fn kernel(&self, cell: &Cell, spec: Arch, progress: Arc<dyn Progress + Send>) -> Needed<KernelArtifact> {
        if let Some(own) = self.own.as_ref().filter(|own| own.name == cell.kernel) {
            return Ok(own.clone());
        }
        let (kernels, name, jobs) = (Arc::clone(&self.kernels), cell.kernel.clone(), self.jobs);
        let work = move || kernels.prepare(name.as_str(), spec, jobs, progress.as_ref());
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(artifact)) => Ok(artifact),
            Ok(Err(error @ KernelError::Cancelled)) => Err(verdict(Kind::Interrupted, error.to_string())),
            Ok(Err(error)) => Err(unavailable(error.to_string())),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
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
        let work = move || -> Needed<Image> {
            let modules = kernel.map(|kernel| sources.kernels.modules(&kernel, spec, &wanted, progress.as_ref()));
            let modules = modules.unwrap_or(Ok(Vec::new())).map_err(|error| match error {
                KernelError::Cancelled => verdict(Kind::Interrupted, error.to_string()),
                error => unavailable(error.to_string()),
            })?;
            let failed = |reason: String| verdict(Kind::ImageUnavailable, reason);
            let manifest = sources.workloads.get(&workload);
            let manifest = manifest.ok_or_else(|| failed(format!("unknown workload `{workload}`")))?;
            let image = sources.images.image(spec, manifest, &modules).map_err(|error| failed(error.to_string()))?;
            Ok((image.path, image.digest))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

/// Why a kernel does not fit its cell. A plan leaves such a cell out once the kernel is in the cache.
fn misfit(kernel: &KernelArtifact, cell: &Cell) -> Option<String> {
    let Cell { kernel: name, arch, ram, .. } = cell;
    if let Some(option) = missing_option(kernel, &cell.needs.config) {
        return Some(format!("{name} has no CONFIG_{option}=y for {arch}, which {} needs", cell.workload_name()));
    }
    let min = Footprint::read(&kernel.image)?.min_ram(cell.payload.has_initrd());
    (*ram < min).then(|| format!("the image of {name} for {arch} needs at least {min} of RAM, not {ram}"))
}

fn unavailable(reason: String) -> Box<Verdict> {
    verdict(Kind::KernelUnavailable, reason)
}

fn verdict(kind: Kind, reason: String) -> Box<Verdict> {
    Box::new(Verdict::new(kind, RuleId::Prepare, reason))
}

fn own_initrd(path: &Path) -> Needed<Image> {
    let digest = crate::store::digest_file(path)
        .map_err(|error| verdict(Kind::ImageUnavailable, format!("cannot read {}: {error}", path.display())))?;
    Ok((path.to_owned(), digest.1))
}
