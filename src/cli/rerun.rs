//! `oomlab rerun`: a new run of the plan of an earlier one.

use super::args::RerunArgs;
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::known::Catalogues;
use super::lookup;
use super::output::notify;
use super::repro::kernel_of_run;
use super::timings::Stopwatch;
use super::trust;
use crate::host::today;
use crate::matrix::{Filter, drop_expired};
use crate::store::RunDir;
use model::{CellId, Plan, RunRecord};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Runs the plan of an earlier run again; returns the program's exit status.
///
/// # Errors
/// When there is no such run, nothing of it is left to run, it is not trusted, or the lab fails.
pub(super) fn run(args: &RerunArgs, context: &Context) -> Result<u8, CliError> {
    let dir = folder(&args.run)?;
    let earlier = RunDir::open(&dir)?;
    let mut plan = earlier.initial_plan()?;
    trust::refuse_watched_run(&dir, &plan)?;
    // With other cells or numbers of trials it belongs with no other part.
    let is_same = !args.failed && args.filter.is_none() && args.repeat.is_none();
    let mut part = if is_same { earlier.part()? } else { None };
    let record = earlier.record()?;
    if args.failed {
        keep_failed(&mut plan, &record, &dir)?;
    }
    if let Some(filter) = &args.filter {
        Filter::parse(filter)?.apply(&mut plan)?;
    }
    if let Some(repeat) = args.repeat {
        plan.cells.iter_mut().for_each(|cell| cell.repeat = repeat);
    }
    for known in drop_expired(&mut plan, &today()) {
        let (place, until) = (model::printable(&known.place), &known.until);
        notify(&format!("{place}: this entry of the quarantine expired after {until}: its failures are unexpected"));
    }
    if let Some(part) = &mut part {
        drop_expired(&mut part.whole, &today());
        part.runs.clear();
    }
    trust::check_run(&dir, &plan, args.trust)?;
    let catalogues = Catalogues::read(context, args.options.lab.mirror.clone())?;
    let own = kernel_of_run(&plan, &record.trials, &catalogues.kernels)?;
    notify(&format!("the plan of {}", dir.display()));
    let (options, stopwatch) = (&args.options, Stopwatch::start());
    Execution { context, catalogues, options, plan, part, own, prepared: None, resumed: None, bisect: None, stopwatch }
        .run()
}

fn folder(named: &str) -> Result<PathBuf, CliError> {
    match named {
        lookup::LATEST => lookup::latest_run(|run| Ok(!run.plan()?.cells.iter().any(model::Cell::is_watched)))
            .ok_or_else(|| CliError::Usage("there is no run in `runs`, here or above".to_owned())),
        name => lookup::run(name),
    }
}

/// Leaves the cells with a trial that did not end as expected. One that the user stopped tells nothing.
fn keep_failed(plan: &mut Plan, record: &RunRecord, dir: &Path) -> Result<(), CliError> {
    let unexpected = record.trials.iter().filter(|trial| !trial.as_expected() && !trial.is_interrupted());
    let failed: BTreeSet<&CellId> = unexpected.map(|trial| &trial.cell.id).collect();
    plan.cells.retain(|cell| failed.contains(&cell.id));
    if plan.cells.is_empty() {
        let trials = record.trials.len();
        let message =
            format!("nothing to run: all {trials} trials of {} that have ended are as expected", dir.display());
        return Err(CliError::Usage(message));
    }
    Ok(())
}
