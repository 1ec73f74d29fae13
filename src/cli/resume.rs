//! `oomlab run --resume`: a run goes on in its own folder.

use super::args::RunArgs;
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::known::Catalogues;
use super::lookup;
use super::output::notify;
use super::repro::kernel_of_run;
use super::run::planned;
use super::run_options::RunOptions;
use super::timings::Stopwatch;
use super::trust;
use crate::host::{SocketDir, today};
use crate::lab::{Preparation, Replaced, cancel_leftovers, has_booted, replaced, wait_for_survivors};
use crate::matrix::{Difference, drop_expired};
use crate::report;
use crate::store::RunDir;
use model::{Cell, KernelArtifact, Plan, TrialRecord, duration};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A run that goes on.
pub(super) struct Resumption {
    /// Its folder, locked.
    pub run: RunDir,
    /// The trials that are not run again.
    pub finished: Vec<TrialRecord>,
    /// Number of the others.
    pub remaining: usize,
    /// Number of all.
    pub planned: u32,
}

/// Runs the trials of a run that have not ended; returns the program's exit status, that of the whole run.
///
/// # Errors
/// When there is no such run, another lab works in it, its plan or its kernels are others now, or the lab fails.
pub(super) fn run(args: &RunArgs, named: &str, context: &Context) -> Result<u8, CliError> {
    let dir = folder(args, named)?;
    let run = open(&dir)?;
    let plan = run.plan()?;
    let catalogues = Catalogues::read(context, args.options.lab.mirror.clone())?;
    check_plan(args, &dir, &run.initial_plan()?, &catalogues, context)?;
    let (plan, own, resumed) = remaining(run, plan, &catalogues)?;
    notify_resumed(&dir, &resumed);
    let bisect = args.bisect_regressions.map(|minutes| duration(60.0 * minutes));
    let (options, stopwatch) = (&args.options, Stopwatch::start());
    let resumed = Some(resumed);
    Execution { context, catalogues, options, plan, part: None, own, prepared: None, resumed, bisect, stopwatch }.run()
}

/// Says which run goes on.
pub(super) fn notify_resumed(dir: &Path, resumed: &Resumption) {
    let (ended, planned) = (resumed.finished.len(), resumed.planned);
    notify(&format!("resuming {} · {ended} of {planned} trials have ended", dir.display()));
}

/// Opens the folder of a run to continue it, when the guests of the lab that died are gone.
///
/// # Errors
/// When another lab works in it, or it cannot be read or written.
pub(super) fn open(dir: &Path) -> Result<RunDir, CliError> {
    let (run, torn) = RunDir::resume(dir)?;
    for folder in torn {
        notify(&format!("{}: its record was not written to its end: the trial runs again", folder.display()));
    }
    SocketDir::remove_abandoned();
    wait_for_survivors(&run)?;
    let cancelled = cancel_leftovers(&run)?;
    if cancelled > 0 {
        notify(&format!("cancelled {cancelled} Slurm tasks that the lab had left"));
    }
    Ok(run)
}

/// The cells of a run's plan that have trials to run, the user's own kernel among theirs, and the trials that have ended.
///
/// # Errors
/// When a record cannot be read, or the user's kernel is not there.
pub(super) fn remaining(
    run: RunDir,
    plan: Plan,
    catalogues: &Catalogues,
) -> Result<(Plan, Option<KernelArtifact>, Resumption), CliError> {
    let whole = plan.clone();
    let (plan, resumed) = remaining_cells(run, plan)?;
    let own = kernel_of_run(&whole, &resumed.finished, &catalogues.kernels)?;
    Ok((plan, own, resumed))
}

/// The cells of a run's plan that have trials to run, and the trials that have ended.
///
/// # Errors
/// When a record cannot be read.
pub(super) fn remaining_cells(run: RunDir, mut plan: Plan) -> Result<(Plan, Resumption), CliError> {
    let record = run.record()?;
    let (stopped, finished): (Vec<_>, Vec<_>) = record.trials.into_iter().partition(TrialRecord::is_interrupted);
    let not_run: usize = record.not_run.iter().map(|cell| cell.trials.len()).sum();
    let (remaining, planned) = (not_run + stopped.len(), plan.trials());
    let open: BTreeSet<_> =
        record.not_run.iter().map(|it| &it.cell.id).chain(stopped.iter().map(|it| &it.cell.id)).collect();
    plan.cells.retain(|cell| open.contains(&cell.id));
    Ok((plan, Resumption { run, finished, remaining, planned }))
}

/// The folder of the run that the arguments name.
pub(super) fn folder(args: &RunArgs, named: &str) -> Result<PathBuf, CliError> {
    if Path::new(named).is_file() {
        return Err(CliError::Usage(format!(
            "`--resume {named}`: {named} is a file, and `--resume` takes the name of a run: write `oomlab run {named} --resume`, \
             or name the run, too"
        )));
    }
    if args.matrix.is_none() && args.pack.is_none() {
        let given = [
            ("--filter", args.filter.is_some()),
            ("--repeat", args.repeat.is_some()),
            ("--shard", args.shard.is_some()),
        ];
        if let Some((option, _)) = given.into_iter().find(|(_, is_given)| *is_given) {
            return Err(CliError::Usage(format!(
                "`{option}` is for a matrix: without one a run goes on with the plan that it has; `oomlab rerun` begins a new \
                 run with other cells of that plan"
            )));
        }
    }
    match named {
        lookup::LATEST => lookup::latest_run(|run| {
            Ok(!run.is_complete()? && !run.plan()?.cells.iter().any(Cell::is_watched))
        })
        .ok_or_else(|| {
            CliError::Usage(
                "there is no run to resume in `runs`, here or above: all that can be read are complete; name one that is \
                 somewhere else"
                    .to_owned(),
            )
        }),
        name => lookup::run(name),
    }
}

/// Refuses a plan that is not the matrix's, or that cannot or must not be booted.
fn check_plan(
    args: &RunArgs,
    dir: &Path,
    plan: &Plan,
    catalogues: &Catalogues,
    context: &Context,
) -> Result<(), CliError> {
    trust::refuse_watched_run(dir, plan)?;
    let Some(matrix) = &args.matrix else {
        return trust::check_run(dir, plan, args.trust);
    };
    refuse_other(dir, plan, &planned(args, catalogues, context)?.plan, Origin::Matrix(matrix))
}

/// Where the plan of a command line is from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'a> {
    Matrix(&'a Path),
    Pack(&'a Path),
}

/// Refuses to continue a run with a plan that is not its own. Entries of the quarantine that have expired since it began do not count.
///
/// # Errors
/// When it is another.
pub(super) fn refuse_other(dir: &Path, plan: &Plan, asked: &Plan, origin: Origin<'_>) -> Result<(), CliError> {
    let (mut before, mut asked, today) = (plan.clone(), asked.clone(), today());
    drop_expired(&mut before, &today);
    drop_expired(&mut asked, &today);
    let difference = Difference::between(&before, &asked);
    if difference.is_empty() {
        return Ok(());
    }
    let mut options = "`--filter` and `--repeat`".to_owned();
    let part = RunDir::open(dir)?.part()?;
    if let Some((shard, partition)) = part.and_then(|part| part.shard.zip(part.partition)) {
        options = format!("`--filter`, `--repeat`, `--costs` and `--shard {shard}/{}`", partition.of);
    }
    let (run, dir) = (report::run_name(&dir.display().to_string()), dir.display());
    let (origin, remedy) = match origin {
        Origin::Matrix(matrix) => (
            matrix,
            format!(
                "Restore the matrix, {options}, or resume the run with the plan that it has: `oomlab run --resume {run}`"
            ),
        ),
        Origin::Pack(pack) => (pack, format!("Name the pack with which the run began, and give the same {options}")),
    };
    Err(CliError::Usage(format!(
        "the plan of {} is not that of {dir}:\n{difference}\n{remedy}; without `--resume` a new run begins",
        origin.display()
    )))
}

impl Resumption {
    /// The cells of a plan whose kernel a finished trial has booted, and the others.
    pub fn split(&self, plan: &Plan) -> (Plan, Plan) {
        let is_booted = |cell: &Cell| self.finished.iter().any(|trial| has_booted(trial, cell));
        let (booted, others) = plan.cells.iter().cloned().partition(is_booted);
        (Plan { cells: booted, ..plan.clone() }, Plan { cells: others, ..plan.clone() })
    }

    /// Refuses to boot anything but what the finished trials have booted.
    ///
    /// # Errors
    /// When a kernel, an image, a root disk or QEMU is another one now.
    pub fn check(&self, plan: &Plan, prepared: &[Preparation], options: &RunOptions) -> Result<(), CliError> {
        let mut found: BTreeSet<Replaced> = BTreeSet::new();
        for (id, ready) in prepared {
            let Some((cell, ready)) = plan.cells.iter().find(|cell| cell.id == *id).zip(ready.as_ref().ok()) else {
                continue;
            };
            let qemu = options.lab.qemu.as_ref().map(|program| program.display().to_string());
            let qemu = qemu.as_deref().unwrap_or(cell.arch.qemu.program);
            found.extend(self.finished.iter().flat_map(|trial| replaced(trial, cell, ready, qemu)));
        }
        if found.is_empty() {
            return Ok(());
        }
        let lines: String = found.iter().map(|replaced| format!("  {replaced}\n")).collect();
        let dir = self.run.path().display();
        let run = report::run_name(&dir.to_string());
        Err(CliError::Usage(format!(
            "the trials of {dir} that have ended booted something else than is there now:\n{lines}A run is of one kernel: begin a \
             new one, with `oomlab rerun {run}` or from the matrix"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{PLAN_SCHEMA, samples};

    fn plan(until: &[&str]) -> Plan {
        let mut cell = samples::cell("a", arch::find("arm").unwrap(), "idle");
        cell.quarantine = until.iter().copied().map(samples::quarantine).collect();
        Plan { schema: PLAN_SCHEMA, name: "m".to_owned(), cells: vec![cell], skipped: Vec::new() }
    }

    #[test]
    fn entries_that_have_expired_since_are_no_difference() {
        let dir = tempfile::tempdir().unwrap();
        RunDir::create(Some(dir.path()), dir.path(), "", &plan(&[]), "2026-11-24T00:00:00Z").unwrap();
        let refusal = |before: &[&str], asked: &[&str], origin| match refuse_other(
            dir.path(),
            &plan(before),
            &plan(asked),
            origin,
        ) {
            Ok(()) => None,
            Err(CliError::Usage(message)) => Some(message),
            Err(error) => panic!("{error:?}"),
        };
        let (matrix, pack) = (Origin::Matrix(Path::new("m.yaml")), Origin::Pack(Path::new("m.tar.zst")));
        let (over, lasting) = ("2020-01-01", "9999-12-31");
        for origin in [matrix, pack] {
            assert_eq!(refusal(&[over, lasting], &[lasting], origin), None);
            assert_eq!(refusal(&[over], &[over], origin), None);
        }
        let message = refusal(&[lasting], &[], matrix).unwrap();
        assert!(message.contains("no longer quarantined") && message.contains("Restore the matrix"), "{message}");
        let message = refusal(&[lasting], &[], pack).unwrap();
        assert!(message.contains("Name the pack with which the run began"), "{message}");
        assert!(!message.contains("matrix"), "{message}");
    }
}
