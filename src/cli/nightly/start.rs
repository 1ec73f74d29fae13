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
use std::collections::BTreeMap;
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
    // Errors in any matrix are reported before the first guest boots.
    let catalogues = Catalogues::read(context, args.lab.mirror.clone())?;
    let plan = |matrix| quarantined(matrix, &config, &catalogues, context).map(|(plan, _)| plan);
    let plans = config.matrices.iter().map(|matrix: &PathBuf| plan(matrix));
    let plans = plans.collect::<Result<Vec<Plan>, _>>()?;
    check_names(&args.config, &config.matrices, &plans)?;
    if args.dry_run {
        return dry_run::print(&config, &plans, &catalogues, &args.run_options());
    }
    drop(catalogues);
    let digest = Digest::of_bytes(&Sha256::digest(&text));
    night::carry_out(&config, &digest, &args.run_options(), context)
}

/// Refuses two matrices of one name: the history takes them for one.
fn check_names(config: &Path, matrices: &[PathBuf], plans: &[Plan]) -> Result<(), CliError> {
    let mut named: BTreeMap<&str, &Path> = BTreeMap::new();
    for (matrix, plan) in matrices.iter().zip(plans) {
        if let Some(other) = named.insert(&plan.name, matrix) {
            let (config, other, matrix) = (config.display(), other.display(), matrix.display());
            return Err(CliError::Usage(format!(
                "{config}: the matrices {other} and {matrix} are both named `{}`, and would share one history; give one another `name`, or \
                 rename its file",
                plan.name
            )));
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::PLAN_SCHEMA;

    #[test]
    fn matrices_of_one_name_are_refused() {
        let plan =
            |name: &str| Plan { schema: PLAN_SCHEMA, name: name.to_owned(), cells: Vec::new(), skipped: Vec::new() };
        let matrices = ["a/m.yaml".into(), "b/m.yaml".into()];
        let check = |names: [&str; 2]| check_names(Path::new("nightly.yaml"), &matrices, &names.map(plan));
        assert!(check(["m", "n"]).is_ok());
        let refused = check(["m", "m"]).unwrap_err().reason();
        assert!(refused.contains("nightly.yaml: the matrices a/m.yaml and b/m.yaml are both named `m`"), "{refused}");
    }
}
