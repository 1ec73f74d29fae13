//! What a run folder makes the lab do.

use super::error::CliError;
use crate::store::read_trial;
use model::{Cell, TrialRecord};
use std::path::Path;

/// The trial in a folder, to boot its cell.
///
/// Arguments of QEMU in it need `trust`, whoever owns the folder: an unpacked archive is the user's own, too. The sandbox keeps
/// QEMU from starting programs, not from reading and writing the user's files.
///
/// # Errors
/// When the trial cannot be read, or is not trusted.
pub(super) fn trial_to_boot(folder: &Path, trust: bool) -> Result<TrialRecord, CliError> {
    let trial = read_trial(folder)?;
    check(folder, &trial.cell, trust)?;
    Ok(trial)
}

fn check(folder: &Path, cell: &Cell, trust: bool) -> Result<(), CliError> {
    if trust || cell.qemu.is_empty() {
        return Ok(());
    }
    let arguments = shlex::try_join(cell.qemu.iter().map(String::as_str)).unwrap_or_else(|_| cell.qemu.join(" "));
    Err(CliError::Usage(format!(
        "{}: this trial gives QEMU further arguments, with which it can read and write your files: {arguments}; if you \
         trust them, add `--trust`",
        folder.display()
    )))
}
