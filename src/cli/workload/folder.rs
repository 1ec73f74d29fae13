//! `oomlab workload check` and `build`: a folder of the user's, wherever it is.

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::{notify, print_plain};
use crate::image::{ImageError, Images, read_workload};
use crate::workload::Manifest;
use arch::{Arch, RamMib};
use std::collections::BTreeMap;
use std::path::Path;

/// A workload's folder, in the place where the lab expects workloads.
struct Folder {
    manifest: Manifest,
    images: Images,
}

impl Folder {
    fn open(dir: &Path, context: &Context) -> Result<Self, CliError> {
        let wrong =
            |error: std::io::Error| CliError::Usage(format!("cannot read the folder {}: {error}", dir.display()));
        // The folder `.` has a name, too.
        let full = dir.canonicalize().map_err(wrong)?;
        full.read_dir().map_err(wrong)?;
        let name = full.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let assets = context.assets.with_workload(&name, dir);
        let manifest = read_workload(&assets, &name)?;
        Ok(Self { manifest, images: Images::new(assets, context.cache.clone()) })
    }

    /// The architectures that the manifest allows.
    fn arches(&self) -> Vec<Arch> {
        arch::ALL.iter().copied().filter(|arch| self.manifest.fits(*arch, RamMib(u32::MAX)).is_ok()).collect()
    }
}

/// Checks manifest and sources; builds nothing. Returns the exit status.
///
/// # Errors
/// Everything that is wrong in the manifest, or else what the compilers say of the sources.
pub(super) fn check(dir: &Path, context: &Context) -> Result<u8, CliError> {
    let folder = Folder::open(dir, context)?;
    let mut wrong: BTreeMap<String, Vec<Arch>> = BTreeMap::new();
    let mut right = Vec::new();
    for arch in folder.arches() {
        match folder.images.check(arch, &folder.manifest) {
            Ok(()) => right.push(arch),
            Err(ImageError::Compiler { output, .. }) => wrong.entry(output).or_default().push(arch),
            Err(ImageError::NoCompiler { cc, package, .. }) => {
                notify(&format!("not checked for {arch}: {cc} is missing (apt install {package})"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if wrong.is_empty() {
        let right = if right.is_empty() { "no architecture".to_owned() } else { names(&right) };
        print_plain(&format!("{}: the manifest is right, and the sources for {right}\n", folder.manifest.name))?;
        return Ok(0);
    }
    let told = wrong.iter().map(|(output, arches)| format!("for {}:\n{output}", names(arches)));
    Err(CliError::Sources(told.collect::<Vec<_>>().join("\n")))
}

/// Builds the program for some architectures, or all that the manifest allows. Returns the exit status.
///
/// # Errors
/// When the manifest is wrong or excludes an architecture, or a compiler fails: after the others.
pub(super) fn build(dir: &Path, arches: &[Arch], context: &Context) -> Result<u8, CliError> {
    let folder = Folder::open(dir, context)?;
    for arch in arches {
        folder.manifest.fits(*arch, RamMib(u32::MAX)).map_err(|unfit| CliError::Usage(unfit.to_string()))?;
    }
    let arches = if arches.is_empty() { folder.arches() } else { arches.to_vec() };
    let (mut wrong, mut missing) = (Vec::new(), Vec::new());
    for arch in arches {
        match folder.images.program(arch, &folder.manifest) {
            Ok(path) => print_plain(&format!("{:<14} {}\n", arch.name, path.display()))?,
            Err(ImageError::Compiler { output, .. }) => wrong.push(format!("for {arch}:\n{output}")),
            Err(error @ (ImageError::NoCompiler { .. } | ImageError::Flat { .. })) => missing.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    match (wrong.is_empty(), missing.is_empty()) {
        (true, true) => Ok(0),
        (true, false) => Err(CliError::Lab(missing.join("\n"))),
        (false, _) => {
            missing.iter().for_each(|error| notify(error));
            Err(CliError::Sources(wrong.join("\n")))
        }
    }
}

fn names(arches: &[Arch]) -> String {
    arches.iter().map(|arch| arch.name).collect::<Vec<_>>().join(", ")
}
