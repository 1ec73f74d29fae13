//! One night, part by part. A part that fails is noted, and the others go on.

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::interrupt::{EXIT_INTERRUPTED, cancel_and_say};
use crate::cli::output::notify;
use crate::cli::run_options::RunOptions;
use crate::cli::runtime::runtime;
use crate::host::{now, today};
use crate::nightly::{JobError, NightDir, NightlyConfig, RunTrends, Started, run_job};
use crate::store::RunDir;
use jiff::Timestamp;
use model::{Digest, RunId};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A night in progress.
pub(super) struct Night<'a> {
    pub config: &'a NightlyConfig,
    pub context: &'a Context,
    pub options: RunOptions,
    pub dir: NightDir,
    pub started: Timestamp,
    /// The thread that runs it spawns the guests, and lives as long as the program.
    pub runtime: &'a Runtime,
    /// The user's interrupt.
    pub cancel: CancellationToken,
    /// What the history says of the cells of each run.
    pub trends: BTreeMap<RunId, RunTrends>,
}

/// A part of a night that ends with the night's budget.
pub(super) struct Part {
    /// Cancelled by the user or by the end of the budget.
    pub cancel: CancellationToken,
    /// Ends the timer.
    _timer: DropGuard,
}

/// Begins or resumes a night, and carries it out; returns the program's exit status. A resumed night that has no time left is ended, and a
/// new one begins.
///
/// # Errors
/// When another night goes on, or the state of this one cannot be written.
pub(super) fn carry_out(
    config: &NightlyConfig,
    digest: &Digest,
    options: &RunOptions,
    context: &Context,
) -> Result<u8, CliError> {
    let start = || NightDir::start(&config.runs, digest, &config.matrices, now(), &today());
    let (dir, started) = start()?;
    let runtime = runtime()?;
    let cancel = CancellationToken::new();
    let words = "\nstopping; `oomlab nightly` continues the night within a day (Ctrl-C again to abort)\n";
    runtime.block_on(async { cancel_and_say(cancel.clone(), words) })?;
    let night = |dir: NightDir| Night::new(config, context, options.clone(), dir, &runtime, cancel.clone());
    let id = dir.night().id.clone();
    let mut first = night(dir);
    let is_over = started == Started::Resumed && !first.has_time();
    match started {
        Started::New => {}
        Started::Left { id: dead, why } => notify(&format!("night {dead} died and is left as it is: {why}")),
        Started::Resumed if is_over => notify(&format!("night {id} died, and its budget is used up; it is ended")),
        Started::Resumed => notify(&format!("night {id} died; resuming it")),
    }
    let mut code = first.carry_out();
    // It holds the lock of the nights.
    drop(first);
    if let (true, Ok(ended)) = (is_over && !cancel.is_cancelled(), &code) {
        let ended = *ended;
        code = start().map_err(CliError::from).and_then(|(dir, _)| night(dir).carry_out());
        code = code.map(|code| if code == 0 { ended } else { code });
    }
    runtime.shutdown_background();
    code
}

impl<'a> Night<'a> {
    fn new(
        config: &'a NightlyConfig,
        context: &'a Context,
        options: RunOptions,
        dir: NightDir,
        runtime: &'a Runtime,
        cancel: CancellationToken,
    ) -> Self {
        let started = dir.night().started.parse().unwrap_or_else(|_| now());
        let trends = BTreeMap::new();
        Self { config, context, options, dir, started, runtime, cancel, trends }
    }
}

impl Night<'_> {
    fn carry_out(&mut self) -> Result<u8, CliError> {
        self.before()?;
        for index in 0..self.dir.night().runs.len() {
            self.run_matrix(index)?;
        }
        for index in 0..self.dir.night().runs.len() {
            self.bisect(index)?;
        }
        if self.cancel.is_cancelled() { Ok(EXIT_INTERRUPTED) } else { self.end() }
    }

    fn before(&mut self) -> Result<(), CliError> {
        let Some(job) = self.config.before.as_ref().filter(|_| !self.dir.night().prepared) else { return Ok(()) };
        notify(&format!("before: {}", job.command));
        let log = self.dir.path().join("before.log");
        let log = std::path::absolute(&log).unwrap_or(log);
        let done = self.runtime.block_on(run_job(job, &self.config.folder, &[], &log, &self.cancel));
        match done {
            Err(JobError::Interrupted) => return Ok(()),
            Err(error) => self.fail(&format!("before: {error}"))?,
            Ok(()) => {}
        }
        self.dir.update(|night| night.prepared = true)?;
        Ok(())
    }

    /// Notes that a part has failed.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn fail(&mut self, failure: &str) -> Result<(), CliError> {
        notify(&format!("failed: {failure}"));
        Ok(self.dir.update(|night| night.failed.push(failure.to_owned()))?)
    }

    /// What is left of the budget; `None` without one.
    pub fn left(&self) -> Option<Duration> {
        let budget = self.config.budget?;
        let spent = Duration::try_from(now().duration_since(self.started)).unwrap_or_default();
        Some(budget.saturating_sub(spent))
    }

    /// Whether another part may begin.
    pub fn has_time(&self) -> bool {
        !self.cancel.is_cancelled() && self.left() != Some(Duration::ZERO)
    }

    /// Begins a part.
    pub fn part(&self) -> Part {
        let (cancel, timer) = (self.cancel.child_token(), CancellationToken::new());
        if let Some(left) = self.left() {
            let (end, over) = (cancel.clone(), timer.clone());
            self.runtime.spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(left) => end.cancel(),
                    () = over.cancelled() => {}
                }
            });
        }
        Part { cancel, _timer: timer.drop_guard() }
    }

    /// The folder of a matrix' run, once it has begun.
    pub fn run_folder(&self, index: usize) -> Option<PathBuf> {
        let run = self.dir.night().runs[index].run.as_ref()?;
        let folder = self.config.runs.join(run.as_str());
        folder.join("run.json").is_file().then_some(folder)
    }

    /// The runs that have begun.
    pub fn begun(&self) -> Vec<RunDir> {
        let folders = (0..self.dir.night().runs.len()).filter_map(|index| self.run_folder(index));
        folders.filter_map(|folder| RunDir::open(&folder).ok()).collect()
    }
}
