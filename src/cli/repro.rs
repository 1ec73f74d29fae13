//! `oomlab repro`: a trial of an earlier run again.

use super::args::ReproArgs;
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::known::Catalogues;
use super::lookup;
use super::output::{notify, print};
use super::timings::Stopwatch;
use super::trust::trial_to_boot;
use crate::kernel::Kernels;
use crate::lab::{Preparation, Ready};
use crate::report;
use crate::store::digest_file;
use model::{Digest, KernelArtifact, PLAN_SCHEMA, Plan, RunId, TrialRecord};
use std::path::{Path, PathBuf};

/// Runs a recorded trial again, or prints the script for it; returns the program's exit status.
///
/// # Errors
/// When there is no such trial, or the lab fails.
pub fn run(args: &ReproArgs, context: &Context) -> Result<u8, CliError> {
    let folder = lookup::trial(&args.trial)?;
    // A script is only printed.
    let trial = trial_to_boot(&folder, args.trust || args.script)?;
    if trial.cell.is_watched() {
        let message =
            format!("{}: the lab only watched this guest, and does not know how to boot it", folder.display());
        return Err(CliError::Usage(message));
    }
    if args.script {
        let run =
            folder.ancestors().nth(2).and_then(Path::file_name).map_or("run".into(), |name| name.to_string_lossy());
        let script = report::script(&RunId::new(run), &trial, &context.cache);
        print(&script.map_err(|error| CliError::Usage(error.to_string()))?)?;
        return Ok(0);
    }
    let catalogues = Catalogues::read(context, args.options.mirror.clone())?;
    catalogues.images.keep();
    let prepared = same_files(&trial, &catalogues.kernels);
    if prepared.is_none() {
        notify("the recorded trial's kernel or image is missing or changed: preparing both again");
    }
    let mut cell = trial.cell;
    cell.repeat = 1;
    let plan = Plan { schema: PLAN_SCHEMA, name: format!("repro {}", cell.id), cells: vec![cell], skipped: Vec::new() };
    let (options, stopwatch) = (&args.options, Stopwatch::start());
    Execution { context, catalogues, options, plan, own: None, prepared, bisect: None, stopwatch }.run()
}

/// The very files of the recorded trial, if they are still what they were.
fn same_files(trial: &TrialRecord, kernels: &Kernels) -> Option<Preparation> {
    let argument = |option: &str| {
        let at = trial.command.iter().position(|word| word == option)?;
        trial.command.get(at + 1).map(PathBuf::from)
    };
    let unchanged = |path: PathBuf, digest: &Digest| {
        digest_file(&path).is_ok_and(|(_, now)| now == *digest).then(|| (path, digest.clone()))
    };
    let image = argument("-kernel").filter(|image| kernels.keep(image))?;
    let (image, digest) = unchanged(image, trial.kernel_digest.as_ref()?)?;
    let initrd = match &trial.initrd_digest {
        Some(digest) => Some(unchanged(argument("-initrd")?, digest)?),
        None => None,
    };
    let firmware = match &trial.firmware_digest {
        Some(digest) => Some(unchanged(argument("-bios").filter(|file| kernels.keep(file))?, digest)?),
        None => None,
    };
    let release = trial.kernel_release.clone().unwrap_or_default();
    let (name, arch) = (&trial.cell.kernel, trial.cell.arch);
    // The kernel of the cache has its symbols and debug information: the diagnostics need them.
    let cached = kernels.cached(name.as_str(), arch).filter(|cached| cached.image == image && cached.digest == digest);
    let kernel = cached
        .unwrap_or_else(|| KernelArtifact { release, ..KernelArtifact::of_image(name.clone(), arch, image, digest) });
    Some((trial.cell.id.clone(), Ok(Ready { kernel, initrd, firmware, accelerator: trial.accel.into() })))
}
