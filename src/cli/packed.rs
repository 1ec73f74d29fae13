//! `oomlab run --pack`: runs a plan that was packed elsewhere.

use super::args::RunArgs;
use super::context::Context;
use super::error::CliError;
use super::execute::Execution;
use super::known::Catalogues;
use super::output::notify;
use super::preparation::Prepared;
use super::resume;
use super::run::repeat;
use super::shard::{Planned, Selection};
use super::timings::Stopwatch;
use super::trust;
use crate::host::{Accelerator, Login, scratch_folder, today};
use crate::lab::{Accelerators, Preparation, Ready, Test, TestDisk};
use crate::matrix::drop_expired;
use crate::pack::{CellFiles, Pack};
use model::{Accel, Cell};
use std::path::{Path, PathBuf};

/// The cells of a pack, all of whose files are verified.
pub(super) struct PackedCells {
    /// As the user named it.
    pub path: PathBuf,
    cells: Vec<(Cell, CellFiles)>,
    /// Its files stay as long as it lives.
    _pack: Pack,
}

/// Runs the plan of a pack, or continues a run of it; returns the program's exit status.
///
/// # Errors
/// When it is no pack, is damaged or not trusted, or the lab fails.
pub(super) fn run(args: &RunArgs, path: &Path, context: &Context) -> Result<u8, CliError> {
    let pack = Pack::open(path, &scratch_folder())?;
    let Planned { mut plan, part } = planned(args, &pack)?;
    trust::refuse_watched_run(path, &plan)?;
    trust::check_pack(path, &plan, args.trust)?;
    let resumed = match &args.resume {
        Some(named) => {
            let dir = resume::folder(args, named)?;
            let run = resume::open(&dir)?;
            resume::refuse_other(&dir, &run.initial_plan()?, &plan, path)?;
            run.further_trials()?.extend(&mut plan);
            let (remaining, resumed) = resume::remaining_cells(run, plan)?;
            resume::notify_resumed(&dir, &resumed);
            plan = remaining;
            Some(resumed)
        }
        None => None,
    };
    let files = |cell: &Cell| Ok((cell.clone(), pack.files(cell)?));
    let cells = plan.cells.iter().map(files).collect::<Result<_, CliError>>()?;
    let prepared = Some(Prepared::Pack(Box::new(PackedCells { path: path.to_owned(), cells, _pack: pack })));
    let catalogues = Catalogues::read(context, None)?;
    let (options, stopwatch) = (&args.options, Stopwatch::start());
    Execution { context, catalogues, options, plan, part, own: None, prepared, resumed, bisect: None, stopwatch }.run()
}

/// The plan that the arguments ask for.
fn planned(args: &RunArgs, pack: &Pack) -> Result<Planned, CliError> {
    let mut plan = pack.plan().clone();
    repeat(&mut plan, args.repeat);
    for known in drop_expired(&mut plan, &today()) {
        let (place, until) = (model::printable(&known.place), &known.until);
        notify(&format!("{place}: this entry of the quarantine expired after {until}: its failures are unexpected"));
    }
    let (filter, costs) = (args.filter.as_deref(), args.options.costs.as_deref());
    Selection { filter, shard: args.shard, costs }.apply(plan, None)
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
