//! What a run folder makes the lab do.

use super::error::CliError;
use crate::store::read_trial;
use model::{Cell, Payload, Plan, TrialRecord};
use std::path::Path;

/// The trial in a folder, to boot its cell.
///
/// Arguments of QEMU in it need `trust`, whoever owns the folder: an unpacked archive is the user's own, too. The sandbox keeps
/// QEMU from starting programs, not from reading and writing the user's files. So does an initramfs whose path has a comma: QEMU
/// splits it into several files for a multiboot kernel (`load_multiboot()` in `hw/i386/multiboot.c`).
///
/// # Errors
/// When the trial cannot be read, or is not trusted.
pub(super) fn trial_to_boot(folder: &Path, trust: bool) -> Result<TrialRecord, CliError> {
    let trial = read_trial(folder)?;
    check(folder, &trial, trust)?;
    Ok(trial)
}

/// Refuses a guest that the lab did not start: its record does not say how.
///
/// # Errors
/// When it is one.
pub(super) fn refuse_watched(folder: &Path, trial: &TrialRecord) -> Result<(), CliError> {
    refuse_foreign(folder, trial.cell.is_watched())
}

/// Refuses a run with a guest that the lab did not start.
///
/// # Errors
/// When it is one.
pub(super) fn refuse_watched_run(dir: &Path, plan: &Plan) -> Result<(), CliError> {
    refuse_foreign(dir, plan.cells.iter().any(Cell::is_watched))
}

fn refuse_foreign(folder: &Path, is_watched: bool) -> Result<(), CliError> {
    if is_watched {
        let message =
            format!("{}: the lab only watched this guest, and does not know how to boot it", folder.display());
        return Err(CliError::Usage(message));
    }
    Ok(())
}

/// Refuses to boot the plan of a run's folder as [`trial_to_boot`] refuses a trial.
///
/// # Errors
/// When it is not trusted.
pub(super) fn check_run(dir: &Path, plan: &Plan, trust: bool) -> Result<(), CliError> {
    refuse(dir, "run has", distrust_plan(plan), trust)
}

/// Why a plan must not be booted unasked.
fn distrust_plan(plan: &Plan) -> Option<String> {
    plan.cells.iter().find_map(|cell| distrust(cell, &[]).map(|why| format!("a cell that {why}")))
}

/// Refuses to boot the plan of a pack as [`trial_to_boot`] refuses a trial.
///
/// # Errors
/// When it is not trusted.
pub(super) fn check_pack(pack: &Path, plan: &Plan, trust: bool) -> Result<(), CliError> {
    refuse(pack, "pack has", distrust_plan(plan), trust)
}

fn check(folder: &Path, trial: &TrialRecord, trust: bool) -> Result<(), CliError> {
    refuse(folder, "trial", distrust(&trial.cell, &trial.command), trust)
}

fn refuse(folder: &Path, subject: &str, why: Option<String>, trust: bool) -> Result<(), CliError> {
    match why.filter(|_| !trust) {
        Some(why) => {
            let message = format!("{}: this {subject} {why}; if you trust it, add `--trust`", folder.display());
            Err(CliError::Usage(message))
        }
        None => Ok(()),
    }
}

/// Why a cell, with QEMU's command line where it has been booted, must not be booted unasked.
fn distrust(cell: &Cell, command: &[String]) -> Option<String> {
    let arguments = &cell.qemu;
    if !arguments.is_empty() {
        let arguments = shlex::try_join(arguments.iter().map(String::as_str)).unwrap_or_else(|_| arguments.join(" "));
        return Some(format!("gives QEMU further arguments, with which it can read and write your files: {arguments}"));
    }
    let initrd = command.iter().position(|word| word == "-initrd").and_then(|at| command.get(at + 1));
    let own = match &cell.payload {
        Payload::Initrd(initrd) => initrd.path.as_deref(),
        Payload::Workload { .. } => None,
    };
    let mut initrds = initrd.map(Path::new).into_iter().chain(own);
    initrds.find(|path| path.to_string_lossy().contains(',')).map(|path| {
        format!(
            "has an initramfs whose path has a comma, at which QEMU may split it into several files: {}",
            path.display()
        )
    })
}
