//! The start of a night: its configuration and its plans.

use super::{NightlyArgs, dry_run, night};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::known::Catalogues;
use crate::cli::quarantine::QuarantineArgs;
use crate::cli::run::read;
use crate::matrix::Purpose;
use crate::nightly::{NightlyConfig, StartError};
use crate::store::read_stream;
use model::{Digest, Plan, Quarantine};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// Maximum length of a configuration in bytes.
const MAX_CONFIG: u64 = 1 << 20;

/// Carries a night out, or tells what it would do; returns the program's exit status.
///
/// # Errors
/// When the configuration or a matrix is wrong, another night goes on, or the night's folder cannot be written. What fails within a night
/// is part of its summary.
pub fn run(args: &NightlyArgs, context: &Context) -> Result<u8, CliError> {
    let path = args.config.display();
    let text = read_stream(&args.config, MAX_CONFIG)
        .map_err(|error| CliError::Usage(format!("cannot read the configuration {path}: {error}")))?;
    let config = NightlyConfig::read(&text, &args.config)?;
    // Everything that is wrong is told before the first guest boots.
    let catalogues = Catalogues::read(context, args.mirror.clone())?;
    let plan = |matrix| quarantined(matrix, &config, &catalogues, context).map(|(plan, _)| plan);
    let plans = config.matrices.iter().map(|matrix: &PathBuf| plan(matrix));
    let plans = plans.collect::<Result<Vec<Plan>, _>>()?;
    if args.dry_run {
        return dry_run::print(&config, &plans, &catalogues);
    }
    drop(catalogues);
    let digest = Digest::of_bytes(&Sha256::digest(&text));
    night::carry_out(&config, &digest, args.run_options(), context)
}

/// The plan of a matrix, with its quarantine; and the entries that have expired.
///
/// # Errors
/// When anything in the files is wrong.
pub(super) fn quarantined(
    matrix: &Path,
    config: &NightlyConfig,
    catalogues: &Catalogues,
    context: &Context,
) -> Result<(Plan, Vec<Quarantine>), CliError> {
    let mut plan = read(matrix, catalogues, context)?;
    let quarantine = QuarantineArgs { quarantine: config.quarantine.clone(), no_quarantine: false };
    let expired = quarantine.apply(matrix, &mut plan, Purpose::Night, catalogues, context)?;
    Ok((plan, expired))
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::InUse { .. } => Self::Usage(error.to_string()),
            StartError::Store(_) | StartError::Io { .. } => Self::Lab(error.to_string()),
        }
    }
}
