//! The files, accelerators and sandboxes of a plan's cells.

use crate::cli::error::CliError;
use crate::cli::known::Catalogues;
use crate::host::{cached_accel, has_sandbox};
use crate::kernel::Work;
use crate::launch::{Paths, command};
use crate::workload::Manifest;
use arch::Arch;
use model::{Accel, Cell, KernelName, Payload, Plan, WorkloadName};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

/// What an image depends on: an image with modules is for one kernel.
pub(in crate::cli) type ImageKey = (WorkloadName, Arch, Option<(KernelName, Vec<String>)>);

/// The files, accelerators and sandboxes of a plan's cells, each looked up once: the name of an image is a digest of its sources.
#[derive(Default)]
pub(super) struct Files {
    kernels: HashMap<(KernelName, Arch), PathBuf>,
    images: HashMap<ImageKey, PathBuf>,
    accels: HashMap<Arch, Accel>,
    firmware: HashMap<Arch, Option<PathBuf>>,
    sandboxes: HashMap<Arch, bool>,
    missing: Vec<Missing>,
    missing_firmware: Vec<Arch>,
}

/// A kernel that a run prepares first.
pub(super) struct Missing {
    pub kernel: KernelName,
    pub arch: Arch,
    /// What that takes.
    pub work: Work,
}

impl Files {
    pub(super) fn of(plan: &Plan, catalogues: &Catalogues) -> Result<Self, CliError> {
        let mut files = Self::default();
        for cell in &plan.cells {
            let (name, arch) = (&cell.kernel, cell.arch);
            if let Entry::Vacant(unknown) = files.kernels.entry((name.clone(), arch)) {
                unknown.insert(catalogues.kernels.image_path(name.as_str(), arch)?);
                if catalogues.kernels.cached(name.as_str(), arch).is_none() {
                    let work = catalogues.kernels.work(name.as_str(), arch)?;
                    files.missing.push(Missing { kernel: name.clone(), arch, work });
                }
            }
            if let Some(key) = image_key(cell)
                && !files.images.contains_key(&key)
                && let Some(manifest) = catalogues.workloads.get(&key.0)
            {
                let path = image_path(cell, arch, manifest, catalogues)?;
                files.images.insert(key, path);
            }
            if let Entry::Vacant(unknown) = files.firmware.entry(arch) {
                let path = unknown.insert(catalogues.kernels.firmware_path(arch));
                files.missing_firmware.extend(path.as_ref().filter(|path| !path.is_file()).map(|_| arch));
            }
            files.accels.entry(arch).or_insert_with(|| cached_accel(arch, &catalogues.cache));
            files.sandboxes.entry(arch).or_insert_with(|| has_sandbox(arch.qemu.program));
        }
        Ok(files)
    }

    /// Kernels of the plan that are not in the cache.
    pub(super) fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Architectures whose firmware is not in the cache.
    pub(super) fn missing_firmware(&self) -> &[Arch] {
        &self.missing_firmware
    }

    /// The command line of a cell's run, with sockets and disk at fixed paths.
    pub(super) fn command(&self, cell: &Cell) -> Vec<String> {
        let initrd = match &cell.payload {
            Payload::Initrd(initrd) => initrd.path.clone(),
            Payload::Workload { .. } => image_key(cell).and_then(|key| self.images.get(&key).cloned()),
        };
        let kernel = self.kernels.get(&(cell.kernel.clone(), cell.arch)).cloned();
        let sockets = Path::new("/tmp");
        let paths = Paths {
            kernel: kernel.unwrap_or_default(),
            firmware: self.firmware.get(&cell.arch).cloned().flatten(),
            initrd,
            serial: sockets.join("oomlab-serial"),
            qmp: sockets.join("oomlab-qmp"),
            disk: sockets.join("oomlab-scratch"),
            root_disk: cell.needs.root_disk().map(|image| sockets.join(format!("oomlab-{image}.ext4"))),
        };
        let accel = self.accels.get(&cell.arch).copied().unwrap_or(Accel::Tcg);
        command(cell, accel, self.sandboxes.get(&cell.arch).copied().unwrap_or(true), &paths)
    }
}

pub(in crate::cli) fn image_key(cell: &Cell) -> Option<ImageKey> {
    let Payload::Workload { name, .. } = &cell.payload else { return None };
    let modules = cell.needs.modules.clone();
    let kernel = (!modules.is_empty()).then(|| (cell.kernel.clone(), modules));
    Some((name.clone(), cell.arch, kernel))
}

/// The path of the initramfs. It depends on the content of the modules in it; until the kernel's modules are in the cache,
/// the kernel's name stands in for them. So does a word for the packages of a script, which only the archive's index tells.
pub(in crate::cli) fn image_path(
    cell: &Cell,
    spec: Arch,
    manifest: &Manifest,
    catalogues: &Catalogues,
) -> Result<PathBuf, CliError> {
    let modules = catalogues.modules(cell, spec);
    let path = catalogues.images.path(spec, manifest, modules.as_deref().unwrap_or_default())?;
    let part = if modules.is_none() {
        format!("+modules-of-{}", cell.kernel)
    } else if manifest.script.as_ref().is_some_and(|script| script.image.is_none()) {
        "+packages".to_owned()
    } else {
        return Ok(path);
    };
    let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else { return Ok(path) };
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    Ok(folder.with_file_name(format!("{name}{part}")).join(file))
}
