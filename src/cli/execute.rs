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
use super::needed;
use super::output::{self, is_stdout};
use super::packed::PackedCells;
use super::pages;
use super::preparation::PreparationView;
use super::resume::Resumption;
use super::run_options::{ExecutorKind, RunOptions};
use super::runtime::runtime;
use super::slurm::Cluster;
use super::timings::Stopwatch;
use crate::host::{AccelChoice, AccelReason, HostReader, Resources, today, wall_clock};
use crate::kernel::Progress;
use crate::lab::{self, Accelerators, Executor, Keeper, Lab, LocalExecutor, ProcessExecutor, Sources};
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

/// Cells that need no preparation.
pub(super) enum Prepared {
    /// The trial of an earlier run.
    Trial(Box<lab::Preparation>),
    /// Those of a pack.
    Pack(Box<PackedCells>),
}

impl Prepared {
    fn is_pack(&self) -> bool {
        matches!(self, Self::Pack(_))
    }
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
        let is_resumable = self.prepared.as_ref().is_none_or(Prepared::is_pack);
        let pack = match &self.prepared {
            Some(Prepared::Pack(pack)) => format!("--pack {} ", pack.path.display()),
            _ => String::new(),
        };
        let (run, code) = self.execute()?;
        if code == EXIT_INTERRUPTED && is_resumable {
            let name = report::run_name(&run.path().display().to_string());
            output::notify(&format!("`oomlab run {pack}--resume {name}` continues it"));
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
        let cluster = Cluster::of(self.options)?;
        match &self.prepared {
            None => needed::check(&self.plan, &self.catalogues, self.own.as_ref(), self.options.into())?,
            Some(Prepared::Pack(_)) => needed::check_prepared(&self.plan, self.options.into())?,
            Some(Prepared::Trial(_)) => {}
        }
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
        // As long as it lives, no other process removes the files that it has handed out.
        let sources = Sources {
            kernels: Arc::new(self.catalogues.kernels),
            images: Arc::new(self.catalogues.images),
            workloads: Arc::new(self.catalogues.workloads),
            own: self.own,
            own_qemu: self.options.lab.qemu.is_some(),
            ltp: self.options.lab.ltp.clone(),
            cache: self.catalogues.cache,
            jobs: of_host.cpus as usize,
        };
        let accelerators = match (&self.prepared, &cluster) {
            (Some(Prepared::Trial(_)), _) => Accelerators::new(),
            (_, Some(_)) => plan.cells.iter().map(|cell| (cell.arch, AccelChoice::on_nodes())).collect(),
            (_, None) => sources.accelerators(plan).await,
        };
        if self.prepared.as_ref().is_none_or(Prepared::is_pack) && !plan.cells.is_empty() {
            banner(plan, &budget, &accelerators, cluster.is_some());
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
        let view =
            Arc::new(PreparationView { view: live.preparation().timed(&self.stopwatch), cancel: preparing.clone() });
        let progress = || Arc::clone(&view) as Arc<dyn Progress + Send>;
        let mut unprepared = if self.prepared.is_none() { Some(plan.clone()) } else { None };
        // The files of a pack stay as long as it lives.
        let (mut prepared, _pack) = match self.prepared {
            None => (Vec::new(), None),
            Some(Prepared::Trial(trial)) => (vec![*trial], None),
            Some(Prepared::Pack(pack)) => (pack.ready(&accelerators, &sources.cache), Some(pack)),
        };
        if let Some(resumed) = &self.resumed {
            if unprepared.is_some() {
                let (booted, others) = resumed.split(plan);
                let found = |cell, ready| prepared.push((cell, ready));
                sources.prepare(&booted, &accelerators, progress(), &preparing, found).await;
                unprepared = Some(others);
            }
            if let Err(error) = resumed.check(plan, &prepared, self.options) {
                view.view.clear();
                live.close();
                return Err(error);
            }
            run.begin_again()?;
        }
        let (sender, preparations) = unbounded_channel();
        let prepare = async {
            // It is closed at the end.
            let sender = sender;
            let found = |cell, ready| drop(sender.send((cell, ready)));
            prepared.into_iter().for_each(|(cell, ready)| found(cell, ready));
            if let Some(plan) = &unprepared {
                sources.prepare(plan, &accelerators, progress(), &preparing, found).await;
            }
            view.view.clear();
        };
        let boot = async {
            let result = reaping(&keeper, lab.resume(plan, finished, preparations, &run)).await;
            preparing.cancel();
            result
        };
        let ((), result) = tokio::join!(prepare, boot);
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

/// Reports a run as text, and as JUnit if requested; returns the program's exit status. The text makes room for a JSON
/// report on standard output.
pub(super) fn report_text(
    run: &RunDir,
    json: Option<&Path>,
    junit: Option<&Path>,
    color: bool,
) -> Result<u8, CliError> {
    let record = run.record()?;
    if let Some(path) = junit {
        let xml = report::junit(&record).map_err(|error| CliError::Lab(format!("cannot make JUnit XML: {error}")))?;
        output::write_file(path, &xml)?;
    }
    let text = report::text(&record, output::style(color));
    match json {
        Some(path) if is_stdout(path) => output::print_err(&text),
        _ => print_report(&text, run),
    }
    Ok(record.exit_code())
}

/// Reports a run as JSON, if requested.
pub(super) fn report_json(run: &RunDir, path: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = path else { return Ok(()) };
    let json = report::json(&run.record()?);
    if is_stdout(path) { Ok(output::print_json(&json)?) } else { output::write_file(path, &json) }
}

/// An unreadable stdout does not change the exit status, which tells the verdicts.
fn print_report(text: &str, run: &RunDir) {
    if let Err(error) = output::write_stdout(text) {
        let kept = format!("the results are in {}", run.path().display());
        output::print_err(&format!("cannot write the report to standard output: {error}; {kept}\n"));
    }
}
