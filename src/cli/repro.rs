//! `oomlab repro`: a trial of an earlier run again.

use super::args::ReproArgs;
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::known::Catalogues;
use super::lookup;
use super::output::{notify, print};
use super::preparation::Prepared;
use super::timings::Stopwatch;
use super::trust::{refuse_watched, trial_to_boot};
use crate::image::Images;
use crate::kernel::{KernelError, Kernels};
use crate::lab::{Preparation, Ready, Test};
use crate::report::{self, GuestFile, Lookup};
use crate::store::{digest_file, read_regular};
use model::{Digest, KernelArtifact, KernelName, PLAN_SCHEMA, Plan, TEST_SCRIPT, TrialRecord};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Maximum length of a recorded test in bytes.
const MAX_TEST: u64 = 4 << 20;

/// Runs a recorded trial again, or prints the script for it; returns the program's exit status.
///
/// # Errors
/// When there is no such trial, or the lab fails.
pub fn run(args: &ReproArgs, context: &Context) -> Result<u8, CliError> {
    let folder = lookup::trial(&args.trial)?;
    // A script is only printed.
    let trial = trial_to_boot(&folder, args.trust || args.script)?;
    refuse_watched(&folder, &trial)?;
    if args.script {
        let script = report::script(&lookup::run_id(&folder), &trial, Lookup::Cache(&context.cache));
        print(&script.map_err(|error| CliError::Usage(error.to_string()))?)?;
        return Ok(0);
    }
    let catalogues = Catalogues::read(context, args.options.lab.mirror.clone())?;
    catalogues.images.keep();
    let prepared = same_files(&folder, &trial, &catalogues);
    if prepared.is_none() {
        notify("the recorded trial's kernel, image or root disk is missing or changed: preparing them again");
    }
    let prepared = prepared.map(|trial| Prepared::Trial(Box::new(trial)));
    let mut cell = trial.cell;
    cell.repeat = 1;
    let plan = Plan { schema: PLAN_SCHEMA, name: format!("repro {}", cell.id), cells: vec![cell], skipped: Vec::new() };
    let (options, stopwatch) = (&args.options, Stopwatch::start());
    Execution {
        context,
        catalogues,
        options,
        plan,
        part: None,
        own: None,
        prepared,
        resumed: None,
        bisect: None,
        stopwatch,
    }
    .run()
}

/// The very files of the recorded trial, if they are still what they were.
fn same_files(folder: &Path, trial: &TrialRecord, catalogues: &Catalogues) -> Option<Preparation> {
    let kernels = &catalogues.kernels;
    let test = match trial.cell.needs.root_disk() {
        Some(_) => Some(same_test(folder, trial, &catalogues.images)?),
        None => None,
    };
    let kernel = same_kernel(trial, kernels)?;
    let initrd = match &trial.initrd_digest {
        Some(digest) => Some(unchanged(argument(trial, "-initrd")?, digest)?),
        None => None,
    };
    let firmware = match &trial.firmware_digest {
        Some(digest) => Some(unchanged(argument(trial, "-bios").filter(|file| kernels.keep(file))?, digest)?),
        None => None,
    };
    Some((trial.cell.id.clone(), Ok(Ready { kernel, initrd, firmware, test, accelerator: trial.accel.into() })))
}

/// The recorded test and its very disk. That of the cache is never written to: its record tells which one it is.
fn same_test(folder: &Path, trial: &TrialRecord, images: &Images) -> Option<Test> {
    let path = GuestFile::RootDisk.path(trial)?;
    let disk = images.root_disks().recorded(Path::new(&*path), trial.root_disk_digest.as_ref()?)?;
    let script = String::from_utf8(read_regular(&folder.join(TEST_SCRIPT), MAX_TEST).ok()?).ok()?;
    let fetch = trial.cell.needs.script.as_ref()?.fetch.clone();
    Some(Test { disk: disk.into(), script, fetch })
}

/// The very kernel of the recorded trial, if it is still what it was.
pub(super) fn same_kernel(trial: &TrialRecord, kernels: &Kernels) -> Option<KernelArtifact> {
    let image = argument(trial, "-kernel").filter(|image| kernels.keep(image))?;
    let (image, digest) = unchanged(image, trial.kernel_digest.as_ref()?)?;
    let release = trial.kernel_release.clone().unwrap_or_default();
    let (name, arch) = (&trial.cell.kernel, trial.cell.arch);
    // The kernel of the cache has its symbols and debug information: the diagnostics need them.
    let cached = kernels.cached(name.as_str(), arch).filter(|cached| cached.image == image && cached.digest == digest);
    Some(
        cached.unwrap_or_else(|| KernelArtifact {
            release,
            ..KernelArtifact::of_image(name.clone(), arch, image, digest)
        }),
    )
}

/// The kernel of a run's plan that is not in the catalogue, as a trial of the run booted it; `None` where there is no such kernel.
///
/// # Errors
/// When its file is missing or has changed, or there are several.
pub(super) fn kernel_of_run(
    plan: &Plan,
    trials: &[TrialRecord],
    kernels: &Kernels,
) -> Result<Option<KernelArtifact>, CliError> {
    let is_unknown =
        |name: &KernelName| matches!(kernels.catalogue().find(name.as_str()), Err(KernelError::Unknown { .. }));
    let names: BTreeSet<&KernelName> = plan.cells.iter().map(|cell| &cell.kernel).collect();
    let mut unknown = names.into_iter().filter(|name| is_unknown(name));
    let Some(name) = unknown.next() else { return Ok(None) };
    let own = trials.iter().filter(|trial| trial.cell.kernel == *name).find_map(|trial| same_kernel(trial, kernels));
    match (own, unknown.next()) {
        (Some(own), None) => Ok(Some(own)),
        _ => Err(CliError::Usage(format!(
            "kernel `{name}` is not in the catalogue, and not in a file that a trial of the run has booted and that is \
             unchanged: begin a new run with the command that made this one"
        ))),
    }
}

/// The value of an option on QEMU's command line.
fn argument(trial: &TrialRecord, option: &str) -> Option<PathBuf> {
    let at = trial.command.iter().position(|word| word == option)?;
    trial.command.get(at + 1).map(PathBuf::from)
}

fn unchanged(path: PathBuf, digest: &Digest) -> Option<(PathBuf, Digest)> {
    digest_file(&path).is_ok_and(|(_, now)| now == *digest).then(|| (path, digest.clone()))
}
