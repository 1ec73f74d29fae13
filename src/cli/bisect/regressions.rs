//! `oomlab run --bisect-regressions`.

use super::lab::Laboratory;
use super::live::Live;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::host_args::LabArgs;
use crate::cli::interrupt::cancel_on_signals;
use crate::cli::runtime::runtime;
use crate::history;
use crate::store::RunDir;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

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
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let cancel = CancellationToken::new();
        cancel_on_signals(cancel.clone())?;
        regressions_until(run, budget, jobs, lab, context, cancel).await
    });
    runtime.shutdown_background();
    done
}

/// As [`regressions`], in the caller's runtime and until `cancel`, which the end of the budget cancels, too.
///
/// # Errors
/// See there.
pub async fn regressions_until(
    run: &RunDir,
    budget: Duration,
    jobs: Option<u32>,
    lab: &LabArgs,
    context: &Context,
    cancel: CancellationToken,
) -> Result<(), CliError> {
    let origins = history::origins(run.path())?;
    let lab = Laboratory::open(Some(lab), jobs, context)?;
    let mut live = Live::default();
    Ok(lab.driver_until(cancel, &mut live).bisect_regressions(run, &origins, budget, jobs).await?)
}
