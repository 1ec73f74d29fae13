//! Runs a plan, for `run`, `boot` and `repro`.

use super::bisect;
use super::capacity;
use super::context::Context;
use super::costs;
use super::error::CliError;
use super::interrupt::{EXIT_INTERRUPTED, cancel_on_signals};
use super::keep;
use super::known::Catalogues;
use super::live::Live;
use super::output::{self, is_stdout};
use super::pages;
use super::preparation::{self, PreparationView, Prepared, Preparer};
use super::report::{report_json, report_text};
use super::resume::Resumption;
use super::run_options::{ExecutorKind, RunOptions};
use super::runtime::runtime;
use super::slurm::Cluster;
use super::timings::Stopwatch;
use crate::host::{AccelReason, HostReader, Resources, today, wall_clock};
use crate::lab::{self, Accelerators, Executor, Keeper, Lab, LocalExecutor, ProcessExecutor};
use crate::report;
use crate::schedule::Budget;
use crate::store::{Part, RunDir};
use model::{KernelArtifact, Plan};
use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

/// What is to run.
pub struct Execution<'a> {
    /// Where things lie.
    pub context: &'a Context,
    /// What there is.
    pub catalogues: Catalogues,
    /// Limits of the run, and the paths of its results.
    pub options: &'a RunOptions,
    /// The plan.
    pub plan: Plan,
    /// Of what the plan is a part.
    pub part: Option<Part>,
    /// A kernel that the user provides.
    pub own: Option<KernelArtifact>,
    /// Cells that need no preparation.
    pub(super) prepared: Option<Prepared>,
    /// A run that goes on: the plan has its cells with trials that have not ended.
    pub(super) resumed: Option<Resumption>,
    /// Bisect regressions for at most this long.
    pub bisect: Option<Duration>,
    /// What was measured so far.
    pub(super) stopwatch: Arc<Stopwatch>,
}

/// How often a run looks for guests that have been kept.
const REAP_PERIOD: Duration = Duration::from_secs(1);

/// Exit status of a run with something unexpected in it.
const EXIT_UNEXPECTED: u8 = 1;

impl Execution<'_> {
    /// Runs the plan, reports, and bisects what is worse than before if that was requested; returns the program's exit status.
    ///
    /// # Errors
    /// When the lab fails as a whole. A cell that could not be run is part of the report.
    pub fn run(self) -> Result<u8, CliError> {
        let (context, options, bisect) = (self.context, self.options, self.bisect);
        let is_resumable = self.prepared.is_none();
        let (run, code) = self.execute()?;
        if code == EXIT_INTERRUPTED && is_resumable {
            notify_resumable(&run, "");
        }
        let json = options.json.as_deref();
        let Some(budget) = bisect.filter(|_| code == EXIT_UNEXPECTED) else { return Ok(code) };
        let bisected = bisect::regressions(&run, budget, options.host.jobs, &options.lab, context);
        pages::write_run(&run);
        report_json(&run, json)?;
        bisected?;
        Ok(code)
    }

    /// Runs the plan, reports it, and waits for guests that stay; returns the run and the program's exit status.
    ///
    /// # Errors
    /// See [`Execution::run`].
    pub(super) fn execute(self) -> Result<(RunDir, u8), CliError> {
        // One thread runs everything: a guest is killed when the thread that spawned it ends, and this one lives as long
        // as the program.
        let runtime = runtime()?;
        let done = runtime.block_on(async {
            let cancel = CancellationToken::new();
            cancel_on_signals(cancel.clone())?;
            self.execute_until(cancel).await
        });
        runtime.shutdown_background();
        done
    }

    /// As [`Execution::execute`], in the caller's runtime and until `cancel`.
    ///
    /// # Errors
    /// See there.
    pub(super) async fn execute_until(self, cancel: CancellationToken) -> Result<(RunDir, u8), CliError> {
        let cluster = Cluster::of(self.options).await?;
        preparation::check_host(&self.plan, self.prepared.as_ref(), &self.catalogues, self.own.as_ref(), self.options)?;
        let given = self.options.costs.as_deref().map(costs::read).transpose()?;
        // Created before any download, so that a folder that cannot be written is reported first.
        let runs = Path::new("runs");
        let run = match &self.resumed {
            Some(resumed) => resumed.run.clone(),
            None => RunDir::create(self.options.out.as_deref(), runs, &today(), &self.plan, &wall_clock())?,
        };
        // A run that goes on has its own: it may be merged of others.
        self.part.iter().filter(|_| self.resumed.is_none()).try_for_each(|part| run.store_part(part))?;
        let plan = &self.plan;
        let resources = Resources::of_host();
        let of_host = self.options.host.budget(&resources);
        let budget = cluster.as_ref().map_or(of_host, Cluster::budget);
        let beside = run.path().parent().unwrap_or(runs).to_owned();
        let costs = tokio::task::spawn_blocking(move || given.unwrap_or_else(|| costs::of_history(&beside)));
        let is_repeated = matches!(self.prepared, Some(Prepared::Trial(_)));
        let builders = of_host.cpus as usize;
        let sources = preparation::sources(self.catalogues, self.own, &self.options.lab, builders);
        let mut preparer = Preparer::new(sources, plan, self.prepared, cluster.is_some()).await;
        if !is_repeated && !plan.cells.is_empty() {
            banner(plan, &budget, preparer.accelerators(), cluster.is_some());
        }
        let limits = capacity::limits(&plan.cells, &budget, &resources);
        limits.iter().for_each(|limit| output::notify(limit));
        let trials = self.resumed.as_ref().map_or(plan.trials() as usize, |resumed| resumed.remaining);
        let live = Arc::new(Live::new(&plan.cells, trials, self.context.color));
        let keeper = Arc::new(Keeper::new(self.options.keep.outcomes()));
        let options = lab::RunOptions {
            budget,
            // On a cluster Slurm looks at the hosts.
            host: cluster.is_none().then(HostReader::default),
            costs: costs.await.unwrap_or_else(|panic| resume_unwind(panic.into_panic())),
            qemu: self.options.lab.qemu.clone(),
            dump: self.options.dump,
            // A guest that stays is there to be looked at.
            diagnose_all: self.options.diagnose_all || !self.options.keep.keep_on.is_empty(),
        };
        let observer = Arc::clone(&live) as Arc<dyn lab::Observer>;
        let finished = self.resumed.as_ref().map_or(&[][..], |resumed| &resumed.finished);
        let executor: Arc<dyn Executor> = match cluster {
            Some(it) => {
                let (jobs, observer) = (self.options.host.jobs, Arc::clone(&observer));
                Arc::new(it.executor(jobs, &run, options.costs.clone(), observer, cancel.clone())?)
            }
            None if self.options.executor == ExecutorKind::Process => {
                Arc::new(ProcessExecutor { program: std::env::current_exe()? })
            }
            None => Arc::new(LocalExecutor::with_keeper(Arc::clone(&keeper))),
        };
        let lab = Lab::new(options, executor, observer, cancel.clone());
        // Ends when the run ends, too: a run directory that cannot be written needs no more kernels.
        let preparing = cancel.child_token();
        let view = live.preparation().timed(&self.stopwatch);
        let view = Arc::new(PreparationView { view, cancel: preparing.clone() });
        if let Some(resumed) = &self.resumed {
            if let Err(error) = preparer.check_resumed(resumed, plan, self.options, &view).await {
                live.close();
                return Err(error);
            }
            run.begin_again()?;
        }
        let (sender, preparations) = unbounded_channel();
        let boot = async {
            let result = reaping(&keeper, lab.resume(plan, finished, preparations, &run)).await;
            preparing.cancel();
            result
        };
        let ((), result) = tokio::join!(preparer.prepare(&view, sender), boot);
        live.close();
        // A failed run still reports its finished trials.
        let json = self.options.json.as_deref();
        let code = report_text(&run, json, self.options.junit.as_deref(), self.context.color);
        if self.options.timings {
            let measured = self.stopwatch.table(&run.record()?.trials);
            output::print_err(&model::printable_lines(&measured));
        }
        pages::write(&run);
        costs::write(&run);
        if let Err(error) = result {
            report_json(&run, json)?;
            return Err(error.into());
        }
        let code = code?;
        // It is there before the bisections, which take long, and before the wait for guests that stay; standard output takes one document.
        let is_written_later = self.bisect.is_some() && code == EXIT_UNEXPECTED;
        report_json(&run, json.filter(|path| !is_written_later || !is_stdout(path)))?;
        keep::wait(&keeper, &cancel).await?;
        Ok((run, code))
    }
}

/// Says how a run goes on that was interrupted; `pack` is the option for its pack, and ends in a space.
pub(super) fn notify_resumable(run: &RunDir, pack: &str) {
    let name = report::run_name(&run.path().display().to_string());
    output::notify(&format!("`oomlab run {pack}--resume {name}` continues it"));
}

/// Reaps kept guests that end while the run goes on.
async fn reaping<T>(keeper: &Keeper, run: impl Future<Output = T>) -> T {
    let mut run = std::pin::pin!(run);
    loop {
        tokio::select! {
            done = &mut run => return done,
            // It is ready at once while none is kept.
            _ = keeper.wait(), if !keeper.kept().is_empty() => {}
            () = tokio::time::sleep(REAP_PERIOD), if keeper.kept().is_empty() => {}
        }
    }
}

/// One line: what runs, on what.
fn banner(plan: &Plan, budget: &Budget, accelerators: &Accelerators, is_on_slurm: bool) {
    let reasons: BTreeSet<&AccelReason> = accelerators.values().map(|answer| &answer.reason).collect();
    // A reason about the host is worth more than "KVM does not run arm on x86_64".
    let about_host = reasons.iter().find(|reason| !matches!(reason, AccelReason::Unsupported { .. }));
    let why = about_host.or(reasons.first()).map(ToString::to_string).unwrap_or_default();
    let at_a_time = budget.jobs.unwrap_or(budget.cpus).min(budget.guests);
    let mut cells = if plan.cells.len() == 1 { "1 cell".to_owned() } else { format!("{} cells", plan.cells.len()) };
    if plan.trials() as usize > plan.cells.len() {
        cells += &format!(" · {} trials", plan.trials());
    }
    let quarantined = plan.cells.iter().filter(|cell| !cell.quarantine.is_empty()).count();
    if quarantined > 0 {
        cells += &format!(" · {quarantined} quarantined");
    }
    let how = if is_on_slurm { "on Slurm".to_owned() } else { format!("{at_a_time} at a time") };
    output::notify(&format!("{} · {cells} · {how} · {why}", plan.name));
}
