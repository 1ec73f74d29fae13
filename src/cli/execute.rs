//! Runs a plan, for `run`, `boot` and `repro`.

use super::args::{ExecutorKind, RunOptions};
use super::capacity;
use super::context::Context;
use super::error::CliError;
use super::interrupt::cancel_on_signals;
use super::kernel::View;
use super::known::Catalogues;
use super::live::Live;
use super::output;
use super::runtime::runtime;
use crate::host::{AccelReason, Resources, today, wall_clock};
use crate::kernel::{Progress, Update};
use crate::lab::{self, Budget, Executor, Lab, LocalExecutor, Prepared, ProcessExecutor, Sources};
use crate::report;
use crate::store::RunDir;
use model::{KernelArtifact, Plan};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
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
    /// A kernel that the user provides.
    pub own: Option<KernelArtifact>,
    /// Cells that need no preparation: the trial of an earlier run.
    pub prepared: Option<Prepared>,
}

impl Execution<'_> {
    /// Runs the plan and reports; returns the program's exit status.
    ///
    /// # Errors
    /// When the lab fails as a whole. A cell that could not be run is part of the report.
    pub fn run(self) -> Result<u8, CliError> {
        self.run_into().map(|(code, _)| code)
    }

    /// As [`Execution::run`]; returns the run's folder as well.
    ///
    /// # Errors
    /// See there.
    pub fn run_into(self) -> Result<(u8, RunDir), CliError> {
        // One thread runs everything: a guest is killed when the thread that spawned it ends, and this one lives as long
        // as the program.
        let runtime = runtime()?;
        let code = runtime.block_on(self.go());
        runtime.shutdown_background();
        code
    }

    async fn go(self) -> Result<(u8, RunDir), CliError> {
        let cancel = CancellationToken::new();
        cancel_on_signals(cancel.clone())?;
        // Created before any download, so that a folder that cannot be written is reported first.
        let runs = Path::new("runs");
        let run = RunDir::create(self.options.out.as_deref(), runs, &today(), &self.plan, &wall_clock())?;
        let plan = &self.plan;
        let resources = Resources::of_host();
        let budget = Budget {
            cpus: self.options.cpus.unwrap_or(resources.cpus),
            ram_mib: self.options.memory.map_or(resources.ram_mib, |ram| u64::from(ram.0)),
            jobs: self.options.jobs,
            ..Budget::of(&resources)
        };
        let prepared = match self.prepared {
            Some(prepared) => prepared,
            None => {
                let sources = Sources {
                    kernels: Arc::new(self.catalogues.kernels),
                    images: Arc::new(self.catalogues.images),
                    workloads: Arc::new(self.catalogues.workloads),
                    own: self.own,
                    cache: self.catalogues.cache,
                    jobs: budget.cpus as usize,
                };
                let view = Arc::new(Preparation { view: View::new(), cancel: cancel.clone() });
                let readiness = sources.prepare(plan, Arc::clone(&view) as Arc<dyn Progress + Send>, &cancel).await;
                view.view.clear();
                banner(plan, &budget, &readiness);
                readiness.prepared
            }
        };
        let limits = capacity::limits(&plan.cells, &budget, &resources);
        limits.iter().for_each(|limit| output::print_err(&format!("{limit}\n")));
        let trials = plan.trials() as usize;
        let live = Arc::new(Live::new(&plan.cells, trials, self.context.color));
        let lab = Lab {
            options: lab::RunOptions { budget, qemu: self.options.qemu.clone(), dump: self.options.dump },
            executor: executor(self.options.executor)?,
            observer: Arc::clone(&live) as Arc<dyn lab::Observer>,
            cancel,
        };
        let result = lab.run(plan, &prepared, &run).await;
        live.close();
        // A failed run still reports its finished trials.
        let code = self::report(&run, self.options.json.as_deref(), self.options.junit.as_deref(), self.context.color);
        result?;
        code.map(|code| (code, run))
    }
}

/// Where the trials run.
fn executor(kind: ExecutorKind) -> std::io::Result<Arc<dyn Executor>> {
    Ok(match kind {
        ExecutorKind::Local => Arc::new(LocalExecutor::default()),
        ExecutorKind::Process => Arc::new(ProcessExecutor { program: std::env::current_exe()? }),
    })
}

/// One line: what runs, on what.
fn banner(plan: &Plan, budget: &Budget, readiness: &lab::Readiness) {
    let reasons: BTreeSet<&AccelReason> = readiness.accels.values().map(|answer| &answer.reason).collect();
    // A reason about the host is worth more than "KVM does not run arm on x86_64".
    let about_host = reasons.iter().find(|reason| !matches!(reason, AccelReason::Unsupported { .. }));
    let why = about_host.or(reasons.first()).map(ToString::to_string).unwrap_or_default();
    let at_a_time = budget.jobs.unwrap_or(budget.cpus).min(budget.guests);
    let cells = if plan.cells.len() == 1 { "1 cell".to_owned() } else { format!("{} cells", plan.cells.len()) };
    output::notify(&format!("{} · {cells} · {at_a_time} at a time · {why}", plan.name));
}

/// Reports a run as text, and as JSON and JUnit if requested; returns the program's exit status.
pub(super) fn report(run: &RunDir, json: Option<&Path>, junit: Option<&Path>, color: bool) -> Result<u8, CliError> {
    let record = run.record()?;
    if let Some(path) = junit {
        let xml = report::junit(&record).map_err(|error| CliError::Lab(format!("cannot make JUnit XML: {error}")))?;
        output::write_file(path, &xml)?;
    }
    let text = report::text(&record, output::style(color));
    match json {
        Some(path) if path.as_os_str() == "-" => {
            output::print_err(&text);
            output::print_json(&report::json(&record))?;
        }
        Some(path) => {
            output::write_file(path, &report::json(&record))?;
            print_report(&text, run);
        }
        None => print_report(&text, run),
    }
    Ok(record.exit_code())
}

/// An unreadable stdout does not change the exit status, which tells the verdicts.
fn print_report(text: &str, run: &RunDir) {
    if let Err(error) = output::write_stdout(text) {
        let kept = format!("the results are in {}", run.path().display());
        output::print_err(&format!("cannot write the report to standard output: {error}; {kept}\n"));
    }
}

/// Shows the preparation of kernels, and cancels it on an interrupt.
struct Preparation {
    view: View,
    cancel: CancellationToken,
}

impl Progress for Preparation {
    fn update(&self, update: Update<'_>) {
        self.view.update(update);
    }

    fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
