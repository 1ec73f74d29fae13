//! `oomlab bisect …`: arguments to a request, and the answer to standard output.

use super::args::{
    AxisArgs, BisectAction, BisectArgs, CellArgs, CommitsArgs, ConfigArgs, SearchArgs, SessionArgs, VersionsArgs,
};
use super::lab::Laboratory;
use super::live::Live;
use super::print;
use crate::bisection::{
    AxisRequest, BadCriterion, CellRequest, CommitsRequest, Limits, OptionsRequest, Request, Session, SessionDir,
    SessionError, Subject, TrialRequest, VersionsRequest, like_recorded,
};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::host_args::LabArgs;
use crate::cli::interrupt::EXIT_INTERRUPTED;
use crate::cli::runtime::runtime;
use crate::cli::trust::trial_to_boot;
use crate::cli::{boot, lookup};
use crate::matrix::{SingleCell, SingleKernel, SinglePayload};
use model::Faults;
use std::path::{Path, PathBuf};

/// Where bisections go.
const SESSIONS: &str = "bisections";

/// Carries out a bisection or shows one; returns the program's exit status.
///
/// # Errors
/// When the arguments are invalid, or the lab fails.
pub fn run(args: &BisectArgs, context: &Context) -> Result<u8, CliError> {
    // One thread runs everything: guests and commands die with it.
    let runtime = runtime()?;
    let code = runtime.block_on(async {
        match &args.action {
            BisectAction::Commits(args) => {
                let lab = args.exec.is_none().then_some(&args.lab);
                start(Request::Commits(commits(args)?), &args.search, lab, context).await
            }
            BisectAction::Versions(args) => {
                start(Request::Versions(versions(args)?), &args.search, Some(&args.lab), context).await
            }
            BisectAction::Axis(args) => start(Request::Axis(axis(args)?), &args.search, Some(&args.lab), context).await,
            BisectAction::Config(args) => find_options(args, context).await,
            BisectAction::Resume(args) => {
                let session = Session::open(&folder(&args.session)?)?;
                let session = match args.rate {
                    Some(rate) => session.at_rate(rate)?,
                    None => session,
                };
                let has_cells = matches!(session.search.config().subject, Subject::Cell(_));
                let lab =
                    Laboratory::open(has_cells.then_some(&args.lab), Some(session.search.config().jobs), context)?;
                let outcome = lab.driver(&mut Live::default())?.resume(session).await?;
                print::outcome(&outcome, args.json)
            }
            BisectAction::Status(args) => print::status(&folder(args)?),
            BisectAction::Log(args) => print::log(&folder(args)?),
            BisectAction::Report(args) => print::report(&folder(args)?),
        }
    });
    runtime.shutdown_background();
    code
}

async fn start(
    request: Request,
    search: &SearchArgs,
    lab: Option<&LabArgs>,
    context: &Context,
) -> Result<u8, CliError> {
    let lab = Laboratory::open(lab, search.jobs, context)?;
    let outcome = lab.driver(&mut Live::default())?.start(request, &place(search)).await?;
    print::outcome(&outcome, search.json)
}

async fn find_options(args: &ConfigArgs, context: &Context) -> Result<u8, CliError> {
    let lab = Laboratory::open(Some(&args.lab), args.search.jobs, context)?;
    let request = OptionsRequest {
        good: args.good.clone(),
        bad: args.bad.clone(),
        cell: cell(&args.cell, args.kernel.as_deref())?,
        limits: limits(&args.search),
    };
    match lab.driver(&mut Live::default())?.find_options(request, &place(&args.search)).await? {
        Some(answer) => print::options(&answer, args.search.json),
        None => Ok(EXIT_INTERRUPTED),
    }
}

/// The folder of an existing session.
fn folder(args: &SessionArgs) -> Result<PathBuf, SessionError> {
    args.session.clone().map_or_else(|| Session::latest(Path::new(SESSIONS)), Ok)
}

/// The folder of a new one.
fn place(args: &SearchArgs) -> SessionDir {
    args.out.clone().map_or_else(|| SessionDir::FirstFree(SESSIONS.into()), SessionDir::Named)
}

fn commits(args: &CommitsArgs) -> Result<CommitsRequest, CliError> {
    let usage = |text: &str| Err(CliError::Usage(text.to_owned()));
    let trial = match &args.exec {
        Some(command) if command.trim().is_empty() => return usage("`--exec` is empty: name the command to run"),
        Some(command) => TrialRequest::Command { command: command.clone(), timeout_s: args.timeout },
        None if args.cell.workload.is_none() && args.cell.cell.is_none() => {
            return usage("nothing to try: name a command with `--exec`, or a cell with `--arch` and `--workload`");
        }
        None => TrialRequest::Cell { cell: Box::new(cell(&args.cell, None)?), config: args.config.clone() },
    };
    let (old, new) = match (args.fix, args.good.as_slice()) {
        (false, good) => (good.to_vec(), args.bad.clone()),
        (true, [good]) => (vec![args.bad.clone()], good.clone()),
        (true, _) => return usage("`--fix` takes one good end"),
    };
    let (repository, limits) = (args.repo.clone(), limits(&args.search));
    Ok(CommitsRequest { repository, old, new, fix: args.fix, trial, limits })
}

fn versions(args: &VersionsArgs) -> Result<VersionsRequest, CliError> {
    let (cell, limits) = (cell(&args.cell, None)?, limits(&args.search));
    Ok(VersionsRequest { from: args.from.clone(), to: args.to.clone(), cell, limits })
}

fn axis(args: &AxisArgs) -> Result<AxisRequest, CliError> {
    let (axis, from, to, step) = (args.axis.clone(), args.from.clone(), args.to.clone(), args.step.clone());
    let (cell, limits) = (cell(&args.cell, args.kernel.as_deref())?, limits(&args.search));
    Ok(AxisRequest { axis, from, to, step, cell, limits })
}

fn limits(args: &SearchArgs) -> Limits {
    Limits { rate: args.rate, jobs: args.jobs, target: args.sure, max_trials: args.max_trials }
}

/// The cell, with this kernel or that of a recorded trial.
fn cell(args: &CellArgs, kernel: Option<&str>) -> Result<CellRequest, CliError> {
    let kernel = kernel.map(|name| SingleKernel::Catalogue(name.to_owned()));
    let cell = match &args.cell {
        Some(name) => {
            let recorded = like_recorded(trial_to_boot(&lookup::trial(name)?, args.trust)?.cell);
            SingleCell { kernel: kernel.unwrap_or_else(|| recorded.kernel.clone()), ..recorded }
        }
        None => typed_cell(args, kernel.unwrap_or_else(|| SingleKernel::Catalogue(String::new())))?,
    };
    let criterion = match args.verdict {
        Some(verdict) => BadCriterion::Verdict(verdict),
        None if args.signature => BadCriterion::SameTitle,
        None if args.any_failure => BadCriterion::Any,
        None if args.not_pass => BadCriterion::NotPass,
        None => BadCriterion::SameKind,
    };
    Ok(CellRequest { cell, criterion })
}

fn typed_cell(args: &CellArgs, kernel: SingleKernel) -> Result<SingleCell, CliError> {
    let missing = |what: &str| {
        CliError::Usage(format!("no {what}: a cell needs `--arch` and `--workload`, or `--cell RUN/CELL`"))
    };
    let arch = args.arch.ok_or_else(|| missing("architecture"))?;
    let name = args.workload.clone().ok_or_else(|| missing("workload"))?;
    Ok(SingleCell {
        kernel,
        arch,
        ram: args.ram.clone(),
        payload: SinglePayload::Workload { name, options: boot::options(&args.workload_options)? },
        vcpus: args.vcpus,
        append: args.append.words(),
        qemu: Vec::new(),
        faults: Faults::default(),
        canary: args.canary.canary,
        timeouts: args.timeouts.timeouts(),
        repeat: 1,
        fail_on: Vec::new(),
    })
}
