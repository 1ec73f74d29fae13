//! `oomlab pack`: a plan with all that its cells boot.

use super::context::Context;
use super::error::CliError;
use super::interrupt::{EXIT_INTERRUPTED, STOPPING, blocking, cancel_and_say};
use super::kernel::View;
use super::known::Catalogues;
use super::needed::{self, Programs};
use super::output::print;
use super::preparation::PreparationView;
use super::quarantine::QuarantineArgs;
use super::run::{read, repeat, select};
use super::runtime::runtime;
use crate::archive::HostPaths;
use crate::host::allow_open_files;
use crate::kernel::Progress;
use crate::lab::{Preparation, Ready, Sources};
use crate::matrix::Purpose;
use crate::pack::{Destination, OwnProgram, PackError, PackedCell, PackedTest, Request, contents, root};
use indicatif::HumanBytes;
use model::{CellId, Kind, Plan, printable};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Arguments of `oomlab pack`.
#[derive(Debug, Clone, clap::Args)]
pub struct PackArgs {
    /// The matrix
    pub matrix: PathBuf,
    /// Pack only cells that match, for example `arch=arm ram<=64M`; see `docs/matrix.md`
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Trials of each cell, in place of what the matrix says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeat: Option<u32>,
    #[command(flatten)]
    pub quarantine: QuarantineArgs,
    /// The pack: a folder, or an archive if its name ends in `.tar.zst` [default: NAME.tar.zst in the current folder]
    #[arg(long, value_name = "DIR|FILE")]
    pub out: Option<PathBuf>,
    /// Replace the archive if it exists
    #[arg(long)]
    pub force: bool,
    /// Pack the plan although it names the cache, your home or the current folder
    #[arg(long)]
    pub allow_paths: bool,
    /// Folder where LTP is installed, for workloads that run its tests
    #[arg(long, value_name = "DIR", env = "OOMLAB_LTP")]
    pub ltp: Option<PathBuf>,
    /// Mirror of the Debian archive for kernels [default: the one that this host's apt uses]
    #[arg(long, env = "OOMLAB_DEBIAN_MIRROR", value_name = "URL")]
    pub mirror: Option<String>,
}

/// Makes the cells of a matrix ready, and packs them; returns the program's exit status.
///
/// # Errors
/// When the matrix is wrong, a cell cannot be made ready, or the pack cannot be written.
pub fn run(args: &PackArgs, context: &Context) -> Result<u8, CliError> {
    // The pack has each file open until it is written.
    allow_open_files();
    let catalogues = Catalogues::read(context, args.mirror.clone())?;
    let mut plan = read(&args.matrix, &catalogues, context)?;
    repeat(&mut plan, args.repeat);
    args.quarantine.apply(&args.matrix, &mut plan, Purpose::Test, &catalogues, context)?;
    select(&mut plan, args.filter.as_deref())?;
    let name = root(&plan.name);
    let out = args.out.clone().unwrap_or_else(|| format!("{name}.tar.zst").into());
    needed::check(
        &plan,
        &catalogues,
        None,
        Programs { ltp: args.ltp.as_deref(), boots_elsewhere: true, ..Programs::default() },
    )?;
    // As long as they live, no other process removes the files that they have handed out.
    let sources = Sources {
        kernels: Arc::new(catalogues.kernels),
        images: Arc::new(catalogues.images),
        workloads: Arc::new(catalogues.workloads),
        own: None,
        own_qemu: false,
        ltp: args.ltp.clone(),
        cache: catalogues.cache,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let (host, allows_paths) = (HostPaths::of_host(&context.host()?), args.allow_paths);
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let cancel = CancellationToken::new();
        cancel_and_say(cancel.clone(), STOPPING)?;
        // Before all that takes long.
        let (destination, program) = (Destination::new(&out, args.force)?, OwnProgram::open()?);
        let Some(cells) = cells(&plan, &sources, &cancel).await? else { return Ok(EXIT_INTERRUPTED) };
        let pack = move |cancel: &CancellationToken| {
            let request = Request { plan: &plan, cells: &cells, host: &host, allows_paths, cancel };
            let entries = contents(&request, program)?;
            let bytes = destination.write(&entries, &name, cancel)?;
            let (out, count) = (printable(&out.display().to_string()), plan.cells.len());
            print(&format!(
                "{out}: {count} cells, {} files, {}; `oomlab run --pack` or its run.sh runs it\n",
                entries.len(),
                HumanBytes(bytes)
            ))?;
            Ok(0)
        };
        Ok(blocking(&cancel, pack).await?.unwrap_or(EXIT_INTERRUPTED))
    });
    runtime.shutdown_background();
    done
}

/// The plan's cells in its order, ready to boot; `None` when the user has stopped it.
async fn cells(
    plan: &Plan,
    sources: &Sources,
    cancel: &CancellationToken,
) -> Result<Option<Vec<PackedCell>>, CliError> {
    let view = Arc::new(PreparationView { view: View::new(), cancel: cancel.clone() });
    let accelerators = sources.accelerators(plan).await;
    let mut prepared: Vec<Preparation> = Vec::new();
    let progress = Arc::clone(&view) as Arc<dyn Progress + Send>;
    sources.prepare(plan, &accelerators, progress, cancel, |cell, ready| prepared.push((cell, ready))).await;
    view.view.clear();
    if cancel.is_cancelled() {
        return Ok(None);
    }
    let mut reasons: BTreeMap<String, CellId> = BTreeMap::new();
    let mut ready: BTreeMap<CellId, PackedCell> = BTreeMap::new();
    for (id, cell) in prepared {
        match cell {
            Ok(cell) => drop(ready.insert(id.clone(), packed(id, cell))),
            Err(verdict) if verdict.kind == Kind::Interrupted => return Ok(None),
            Err(verdict) => drop(reasons.entry(verdict.summary).or_insert(id)),
        }
    }
    if !reasons.is_empty() {
        let lines: String = reasons.iter().map(|(reason, cell)| format!("\n  {cell}: {reason}")).collect();
        return Err(CliError::Lab(format!("these cells cannot be made ready; `--filter` leaves them out{lines}")));
    }
    Ok(Some(plan.cells.iter().filter_map(|cell| ready.remove(&cell.id)).collect()))
}

fn packed(id: CellId, ready: Ready) -> PackedCell {
    let path = |file: Option<(PathBuf, _)>| file.map(|(path, _)| path);
    let test = ready.test.map(|test| PackedTest {
        disk: test.disk.path,
        key: test.disk.login.key,
        host_key: test.disk.login.host_key,
        script: test.script,
    });
    PackedCell { id, kernel: ready.kernel, initrd: path(ready.initrd), firmware: path(ready.firmware), test }
}

impl From<PackError> for CliError {
    fn from(error: PackError) -> Self {
        match error {
            PackError::Read { .. } | PackError::Write { .. } => Self::Lab(error.to_string()),
            error => Self::Usage(error.to_string()),
        }
    }
}
