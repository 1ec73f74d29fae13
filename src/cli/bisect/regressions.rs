//! `oomlab run --bisect-regressions`.

use super::args::LabArgs;
use super::lab::Laboratory;
use super::live::Live;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::runtime::runtime;
use crate::history;
use crate::store::RunDir;
use std::time::Duration;

/// Bisects the regressions of a run, for at most `budget` in all.
///
/// # Errors
/// When the run cannot be read, or the lab fails.
pub fn regressions(
    run: &RunDir,
    budget: Duration,
    jobs: Option<u32>,
    lab: &LabArgs,
    context: &Context,
) -> Result<(), CliError> {
    let origins = history::origins(run.path())?;
    let lab = Laboratory::open(Some(lab), jobs, context)?;
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let mut live = Live::default();
        let regressions = lab.driver(&mut live)?.bisect_regressions(run, &origins, budget, jobs).await?;
        Ok(run.store_regressions(regressions)?)
    });
    runtime.shutdown_background();
    done
}
