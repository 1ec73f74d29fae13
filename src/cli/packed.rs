//! `oomlab run --pack`: runs a plan that was packed elsewhere.

use super::args::RunArgs;
use super::context::Context;
use super::error::CliError;
use super::execute::{Execution, notify_resumable};
use super::interrupt::{EXIT_INTERRUPTED, blocking, cancel_on_signals};
use super::known::Catalogues;
use super::output::notify;
use super::preparation::Prepared;
use super::resume::{self, Origin, Resumption};
use super::run::repeat;
use super::run_options::ExecutorKind;
use super::runtime::runtime;
use super::shard::{Planned, Selection};
use super::timings::Stopwatch;
use super::trust;
use crate::host::{Accelerator, Login, check_cancelled, scratch_folder, today};
use crate::lab::{Accelerators, Preparation, Ready, Test, TestDisk};
use crate::matrix::drop_expired;
use crate::pack::{CellFiles, Pack};
use crate::store::Part;
use model::{Accel, Cell, Plan};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// The cells of a pack, all of whose files are verified.
pub(super) struct PackedCells {
    cells: Vec<(Cell, CellFiles)>,
    /// Its files stay as long as it lives.
    _pack: Pack,
}

/// What is to run of a pack.
struct Opened {
    plan: Plan,
    part: Option<Part>,
    cells: PackedCells,
    resumed: Option<Resumption>,
}

/// Runs the plan of a pack, or continues a run of it; returns the program's exit status.
///
/// # Errors
/// When it is no pack, is damaged or not trusted, or the lab fails.
pub(super) fn run(args: &RunArgs, path: &Path, context: &Context) -> Result<u8, CliError> {
    // One event loop from the start: signals are caught while the pack is unpacked, too.
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let cancel = CancellationToken::new();
        cancel_on_signals(cancel.clone())?;
        let opening = {
            let (args, path) = (args.clone(), path.to_owned());
            move |cancel: &CancellationToken| open(&args, &path, cancel)
        };
        let Some(opened) = blocking(&cancel, opening).await? else { return Ok(EXIT_INTERRUPTED) };
        let Opened { plan, part, cells, resumed } = opened;
        let prepared = Some(Prepared::Pack(Box::new(cells)));
        let catalogues = Catalogues::read(context, None)?;
        let (options, stopwatch) = (&args.options, Stopwatch::start());
        let execution = Execution {
            context,
            catalogues,
            options,
            plan,
            part,
            own: None,
            prepared,
            resumed,
            bisect: None,
            stopwatch,
        };
        let (run, code) = execution.execute_until(cancel).await?;
        if code == EXIT_INTERRUPTED {
            notify_resumable(&run, &format!("--pack {} ", path.display()));
        }
        Ok(code)
    });
    runtime.shutdown_background();
    done
}

fn open(args: &RunArgs, path: &Path, cancel: &CancellationToken) -> Result<Opened, CliError> {
    let pack = Pack::open(path, &unpacking_place(args, path)?, cancel)?;
    let Planned { mut plan, part } = planned(args, &pack)?;
    trust::refuse_watched_run(path, &plan)?;
    trust::check_pack(path, &plan, args.trust)?;
    let resumed = match &args.resume {
        Some(named) => {
            let dir = resume::folder(args, named)?;
            let run = resume::open(&dir)?;
            resume::refuse_other(&dir, &run.initial_plan()?, &plan, Origin::Pack(path))?;
            let before = run.plan()?;
            trust::check_pack(path, &before, args.trust)?;
            let (remaining, resumed) = resume::remaining_cells(run, before)?;
            resume::notify_resumed(&dir, &resumed);
            plan = remaining;
            Some(resumed)
        }
        None => None,
    };
    let files = |cell: &Cell| {
        check_cancelled(cancel)?;
        Ok((cell.clone(), pack.files(cell)?))
    };
    let cells = plan.cells.iter().map(files).collect::<Result<_, CliError>>()?;
    Ok(Opened { plan, part, cells: PackedCells { cells, _pack: pack }, resumed })
}

/// Where an archive is unpacked: nodes of a cluster see the folder of the runs, and no other of which the lab knows.
fn unpacking_place(args: &RunArgs, path: &Path) -> Result<PathBuf, CliError> {
    if path.is_dir() || args.options.executor != ExecutorKind::Slurm {
        return Ok(scratch_folder());
    }
    let run = match &args.resume {
        Some(named) => Some(resume::folder(args, named)?),
        None => args.options.out.clone(),
    };
    let beside = run.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    let place = match (beside, run.is_some()) {
        (Some(folder), _) => folder,
        (None, true) => Path::new("."),
        (None, false) => Path::new("runs"),
    };
    std::fs::create_dir_all(place)?;
    Ok(std::path::absolute(place)?)
}

/// The plan that the arguments ask for.
fn planned(args: &RunArgs, pack: &Pack) -> Result<Planned, CliError> {
    let mut plan = pack.plan().clone();
    repeat(&mut plan, args.repeat);
    // A run that goes on has the quarantine of the day on which it began.
    if args.resume.is_none() {
        drop_expired_entries(&mut plan);
    }
    let (filter, costs) = (args.filter.as_deref(), args.options.costs.as_deref());
    Selection { filter, shard: args.shard, costs }.apply(plan, None)
}

/// Drops the entries of the quarantine that have expired since the plan was packed, and says so.
fn drop_expired_entries(plan: &mut Plan) {
    for known in drop_expired(plan, &today()) {
        let (place, until) = (model::printable(&known.place), &known.until);
        notify(&format!("{place}: this entry of the quarantine expired after {until}: its failures are unexpected"));
    }
}

impl PackedCells {
    /// The cells, with the accelerators of this host; `cache` keeps whether KVM failed.
    pub fn ready(&self, accelerators: &Accelerators, cache: &Path) -> Vec<Preparation> {
        let of = |(cell, files): &(Cell, CellFiles)| {
            let choice = accelerators.get(&cell.arch);
            let accelerator = choice.map_or(Accel::Tcg.into(), |choice| Accelerator::probed(choice, cache));
            (cell.id.clone(), Ok(ready(cell, files.clone(), accelerator)))
        };
        self.cells.iter().map(of).collect()
    }
}

fn ready(cell: &Cell, files: CellFiles, accelerator: Accelerator) -> Ready {
    let CellFiles { kernel, initrd, firmware, test } = files;
    let test = test.map(|test| {
        let (path, digest) = test.disk;
        let login = Login { key: test.key, host_key: test.host_key };
        let fetch = cell.needs.script.as_ref().map(|script| script.fetch.clone()).unwrap_or_default();
        Test { disk: TestDisk { path, digest, login }, script: test.script, fetch }
    });
    Ready { kernel, initrd, firmware, test, accelerator }
}
