//! Cells as what is tried: out of what was typed, and into what runs them.

use super::args::{CellArgs, LabArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::known::Catalogues;
use crate::cli::{boot, lookup};
use crate::host::{Resources, wall_clock};
use crate::kernel::Fragment;
use crate::lab::{Budget, Cells, CellsSetup, RunOptions, Sources};
use crate::matrix::{self, Known, SingleCell, SingleKernel, SinglePayload};
use crate::session::{Bad, CellSubject, Reference, Session, Vary};
use crate::store::{RunDir, read_trial};
use arch::Arch;
use model::{Cell, Faults, KernelName, Outcome, PLAN_SCHEMA, Payload, Plan, Timeouts};
use std::path::Path;
use std::sync::Arc;

/// The cell that was asked for, with this kernel.
///
/// # Errors
/// When none was, or it makes no sense.
pub(super) fn wanted(args: &CellArgs, kernel: SingleKernel) -> Result<SingleCell, CliError> {
    if let Some(name) = &args.cell {
        let recorded = read_trial(&lookup::trial(name)?)?.cell;
        let own_kernel = recorded.kernel.clone();
        let kernel = match kernel {
            SingleKernel::Catalogue(name) if name.is_empty() => SingleKernel::Catalogue(own_kernel.to_string()),
            given => given,
        };
        return Ok(again(recorded, kernel));
    }
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
        append: args.append.iter().flat_map(|words| words.split_whitespace()).map(str::to_owned).collect(),
        qemu: Vec::new(),
        faults: Faults::default(),
        timeouts: Timeouts { load_s: args.load_timeout, ..Timeouts::default() },
        repeat: 1,
    })
}

fn again(cell: Cell, kernel: SingleKernel) -> SingleCell {
    SingleCell {
        kernel,
        arch: cell.arch,
        ram: cell.ram.to_string(),
        payload: match cell.payload {
            Payload::Workload { name, options } => SinglePayload::Workload { name: name.to_string(), options },
            Payload::Initrd { path } => SinglePayload::Initrd(path),
        },
        vcpus: cell.vcpus,
        append: cell.append,
        qemu: cell.qemu,
        faults: cell.faults,
        timeouts: cell.timeouts,
        repeat: 1,
    }
}

/// The one cell of a plan.
///
/// # Errors
/// When it cannot exist.
pub(super) fn cell(wanted: SingleCell, known: &Known<'_>) -> Result<Cell, CliError> {
    let plan = matrix::single(wanted, known)?;
    plan.cells.into_iter().next().ok_or_else(|| CliError::Lab("a plan without its cell".to_owned()))
}

/// What counts as bad.
///
/// # Errors
/// When there is no such verdict.
pub(super) fn bad(args: &CellArgs) -> Result<Bad, CliError> {
    match &args.verdict {
        Some(verdict) => {
            let (outcome, kind) = verdict.split_once('/').map_or((verdict.as_str(), None), |(a, b)| (a, Some(b)));
            let fails = Outcome::from_word(outcome)
                .is_some_and(|outcome| matches!(outcome, Outcome::Hang | Outcome::Crash | Outcome::BootFailed));
            let is_kind = kind.is_none_or(|kind| model::Kind::from_word(kind).is_some());
            if !fails || !is_kind {
                let text =
                    format!("`--verdict {verdict}`: no failure of a kernel is called so; docs/verdicts.md has all");
                return Err(CliError::Usage(text));
            }
            Ok(Bad::Verdict(verdict.clone()))
        }
        None if args.signature => Ok(Bad::SameTitle),
        None if args.any_failure => Ok(Bad::Any),
        None => Ok(Bad::SameKind),
    }
}

/// Configuration of kernels that are built: fragments by name, or whole files; without any, what the lab's own kernels have.
///
/// # Errors
/// When one is neither.
pub(super) fn fragments(config: &[String], arch: Arch, context: &Context) -> Result<Vec<Fragment>, CliError> {
    let with_mmu = ["base", "mmu", "detect", arch.name];
    let own: Vec<String> =
        with_mmu.iter().filter(|name| arch.mmu || **name != "mmu").map(ToString::to_string).collect();
    let names = if config.is_empty() { own.as_slice() } else { config };
    let mut fragments = Vec::new();
    for name in names {
        let path = Path::new(name);
        fragments.push(if name.contains('/') || path.is_file() {
            Fragment::of_config(path).map_err(|error| CliError::Usage(error.to_string()))?
        } else {
            Fragment::read(&context.assets, name).map_err(|error| {
                let text = format!("no configuration `{name}` for {}: {error}; name one with `--config`", arch.name);
                CliError::Usage(text)
            })?
        });
    }
    Ok(fragments)
}

/// The kernel of cells whose kernels are built from commits: only its name is known beforehand.
pub(super) fn any_commit() -> SingleKernel {
    SingleKernel::User(KernelName::new("commit"))
}

/// What runs a session's cells.
///
/// # Errors
/// When the lab cannot be set up.
pub(super) fn runner(
    session: &Session,
    subject: &CellSubject,
    lab: &LabArgs,
    context: &Context,
) -> Result<Cells, CliError> {
    let catalogues = Catalogues::read(context, lab.mirror.clone())?;
    let head = session.search.head();
    let fragments = match &subject.vary {
        Vary::Commit { config } => fragments(config, subject.cell.arch, context)?,
        Vary::Cells(_) | Vary::Configs(_) => Vec::new(),
    };
    let resources = Resources::of_host();
    let budget = Budget { cpus: resources.cpus, ram_mib: resources.ram_mib, jobs: None };
    let dir = session.path().join("trials");
    let run = match RunDir::open(&dir) {
        Ok(run) => run,
        Err(_) => {
            let plan =
                Plan { schema: PLAN_SCHEMA, name: subject_name(subject), cells: Vec::new(), skipped: Vec::new() };
            RunDir::create(Some(&dir), &dir, "", &plan, &wall_clock())?
        }
    };
    Ok(Cells::new(CellsSetup {
        sources: Sources {
            kernels: Arc::new(catalogues.kernels),
            images: Arc::new(catalogues.images),
            workloads: Arc::new(catalogues.workloads),
            own: None,
            cache: catalogues.cache,
            jobs: resources.cpus as usize,
        },
        subject: subject.clone(),
        fragments,
        repository: head.repository.clone().unwrap_or_default(),
        options: RunOptions { budget, qemu: lab.qemu.clone(), dump: None },
        run,
        trials: head.jobs as usize,
        reference: Reference::new(subject.bad.clone(), &session.search),
    })?)
}

fn subject_name(subject: &CellSubject) -> String {
    format!("bisection of {}", subject.cell.workload_name())
}

/// Trials at a time: as many as there are CPUs for, builds beside them.
pub(super) fn jobs(asked: Option<u32>, cell: &Cell) -> u32 {
    asked.unwrap_or_else(|| (Resources::of_host().cpus / cell.vcpus.max(1)).max(1))
}
