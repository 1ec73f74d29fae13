//! `oomlab run --range … --bisect`.

use super::lab::Laboratory;
use super::live::Live;
use super::print;
use crate::bisection::{
    BadCriterion, CellRequest, CommitsRequest, Limits, Request, SessionDir, TrialRequest, VerdictPattern, like_recorded,
};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::host_args::LabArgs;
use crate::cli::output;
use crate::cli::runtime::runtime;
use crate::git::CommitId;
use crate::host::Clock;
use model::Cell;
use std::path::PathBuf;
use std::time::Duration;

/// A cell that a commit made fail.
pub struct Search {
    /// The repository.
    pub repository: PathBuf,
    /// A commit at which it is as expected.
    pub good: CommitId,
    /// A commit at which it fails.
    pub bad: CommitId,
    /// The cell, with the kernel whose configuration is taken.
    pub cell: Cell,
    /// How it fails.
    pub verdict: VerdictPattern,
}

/// Finds the commit of each failure, for at most `budget` in all; kernels of the range are in the cache.
///
/// # Errors
/// When the lab fails.
pub fn range(
    searches: Vec<Search>,
    budget: Duration,
    jobs: Option<u32>,
    lab: &LabArgs,
    context: &Context,
) -> Result<(), CliError> {
    let clock = Clock::start();
    for search in searches {
        let id = search.cell.id.clone();
        let Some(left) = budget.checked_sub(clock.elapsed()) else {
            output::notify(&format!("{id} is not bisected: no time left"));
            continue;
        };
        let lab = Laboratory::open(Some(lab), jobs, context)?;
        let Some(request) = lab.request(search, jobs) else {
            output::notify(&format!("{id} is not bisected: a search does not apply the patches of its kernel"));
            continue;
        };
        let runtime = runtime()?;
        let done = runtime.block_on(async {
            let mut live = Live::default();
            let mut driver = lab.driver(&mut live)?;
            let deadline = driver.cancel.clone();
            tokio::spawn(async move {
                tokio::time::sleep(left).await;
                deadline.cancel();
            });
            let outcome = driver.start(request, &SessionDir::FirstFree("bisections".into())).await?;
            print::outcome(&outcome, false)
        });
        runtime.shutdown_background();
        done?;
    }
    Ok(())
}

impl Laboratory<'_> {
    /// None where the cell's kernel has patches.
    fn request(&self, search: Search, jobs: Option<u32>) -> Option<Request> {
        let Search { repository, good, bad, cell, verdict } = search;
        let config = self.fragments(&cell)?;
        let cell = CellRequest { cell: like_recorded(cell), criterion: BadCriterion::Verdict(verdict) };
        Some(Request::Commits(CommitsRequest {
            repository,
            old: vec![good.to_string()],
            new: bad.to_string(),
            fix: false,
            trial: TrialRequest::Cell { cell: Box::new(cell), config },
            limits: Limits { rate: None, jobs, target: 0.95, max_trials: None },
        }))
    }
}
