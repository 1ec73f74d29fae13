//! What a plan needs of this host, told before its first cell.

use super::error::CliError;
use super::known::Catalogues;
use super::plan::{image_key, image_path};
use super::run_options::{ExecutorKind, RunOptions};
use crate::doctor::{self, Need, Uses};
use crate::kernel::Source;
use crate::lab::CachedUserSpace;
use crate::workload::Manifest;
use model::{Cell, Filesystem, KernelArtifact, Plan};
use std::collections::BTreeSet;
use std::path::Path;

/// Programs that the user brings.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Programs<'a> {
    /// In place of QEMU.
    pub qemu: Option<&'a Path>,
    /// Folder of LTP.
    pub ltp: Option<&'a Path>,
    /// Whether other hosts boot the cells, and make their scratch disks.
    pub boots_elsewhere: bool,
}

impl<'a> From<&'a RunOptions> for Programs<'a> {
    fn from(options: &'a RunOptions) -> Self {
        let boots_elsewhere = options.executor == ExecutorKind::Slurm;
        Self { qemu: options.lab.qemu.as_deref(), ltp: options.lab.ltp.as_deref(), boots_elsewhere }
    }
}

/// Checks that this host has what the plan's cells need: emulators, unless the user names another program, and what makes
/// those kernels, images and disks that are not in the cache. `own` is the user's kernel, which is there.
///
/// # Errors
/// When something is missing: each thing is named once, with its package.
pub(super) fn check(
    plan: &Plan,
    catalogues: &Catalogues,
    own: Option<&KernelArtifact>,
    programs: Programs<'_>,
) -> Result<(), CliError> {
    check_with(plan, uses(plan, catalogues, own, programs)?)
}

/// The same for a plan whose kernels, images and disks are all there.
///
/// # Errors
/// As [`check`].
pub(super) fn check_prepared(plan: &Plan, programs: Programs<'_>) -> Result<(), CliError> {
    let mut uses = Uses::default();
    plan.cells.iter().for_each(|cell| add_boot(&mut uses, cell, programs));
    check_with(plan, uses)
}

/// Adds what the boot of a cell needs.
fn add_boot(uses: &mut Uses, cell: &Cell, programs: Programs<'_>) {
    if programs.boots_elsewhere {
        return;
    }
    uses.filesystems.extend(cell.needs.disk.and_then(|disk| disk.filesystem));
    if programs.qemu.is_none() {
        uses.boots.insert(cell.arch);
    }
}

fn check_with(plan: &Plan, uses: Uses) -> Result<(), CliError> {
    if !cfg!(feature = "ssh") && plan.cells.iter().any(|cell| cell.needs.root_disk().is_some()) {
        return Err(CliError::Usage("cells with a root disk need a program with the feature `ssh`".to_owned()));
    }
    let mut requirements = doctor::requirements(&uses, std::env::consts::ARCH);
    // A QEMU of the user's own brings its firmware along.
    requirements.retain(|one| !matches!(one.need, Need::FileOf { .. }));
    let missing = doctor::missing(&requirements);
    if missing.is_empty() {
        return Ok(());
    }
    let remedies = doctor::remedies(&missing);
    Err(CliError::Lab(format!(
        "this host lacks what the cells need; `oomlab doctor --fix` installs it on Debian and Ubuntu\n{}",
        remedies.trim_end()
    )))
}

fn uses(
    plan: &Plan,
    catalogues: &Catalogues,
    own: Option<&KernelArtifact>,
    programs: Programs<'_>,
) -> Result<Uses, CliError> {
    let mut uses = Uses::default();
    let (mut kernels, mut images) = (BTreeSet::new(), BTreeSet::new());
    for cell in &plan.cells {
        add_boot(&mut uses, cell, programs);
        let (name, arch) = (cell.kernel.as_str(), cell.arch);
        let is_own = own.is_some_and(|own| own.name == cell.kernel);
        // A kernel that does not exist is the verdict of its cells.
        if !is_own
            && kernels.insert((name, arch))
            && let Ok(entry) = catalogues.kernels.catalogue().supports(name, arch)
            && catalogues.kernels.cached(name, arch).is_none()
        {
            match &entry.source {
                Source::Local(_) => {}
                Source::Debian { .. } => uses.archive = true,
                Source::DebianSource { .. } => {
                    uses.archive = true;
                    uses.kernels.insert(arch);
                }
                Source::Git { .. } | Source::Tree(_) => {
                    uses.git = true;
                    uses.kernels.insert(arch);
                }
            }
        }
        if let Some(key) = image_key(cell)
            && let Some(manifest) = catalogues.workloads.get(&key.0)
            // The kernel's own tests are another image for each kernel.
            && (images.insert(key) || cell.needs.script.as_ref().is_some_and(|script| script.selftests.is_some()))
            && !is_cached(cell, manifest, catalogues, programs.ltp)?
        {
            uses.images.insert(arch);
            uses.archive |= manifest.script.is_some();
            // Root disks have it.
            uses.filesystems.extend(cell.needs.root_disk().map(|_| Filesystem::Ext4));
        }
    }
    Ok(uses)
}

/// Whether the user space of a cell is in the cache, and this host may use it as it is.
fn is_cached(cell: &Cell, manifest: &Manifest, catalogues: &Catalogues, ltp: Option<&Path>) -> Result<bool, CliError> {
    if cell.needs.script.is_none() {
        return Ok(image_path(cell, cell.arch, manifest, catalogues)?.is_file());
    }
    let Some(modules) = catalogues.modules(cell, cell.arch) else { return Ok(false) };
    let cached = CachedUserSpace { kernels: &catalogues.kernels, images: &catalogues.images, ltp };
    Ok(cached.has(cell, manifest, &modules))
}
