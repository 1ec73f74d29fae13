//! `oomlab shell`: a cell's guest with a shell on its console.

use super::args::BootKernelArgs;
use super::boot::{self, KernelChoice};
use super::completion::{kernels, trials, workloads};
use super::console::{Console, SessionEnd, last};
use super::context::Context;
use super::error::CliError;
use super::gdb;
use super::guest_args::{FaultArgs, MachineArgs};
use super::interrupt::{EXIT_INTERRUPTED, cancel_and_say};
use super::kernel::View;
use super::known::Catalogues;
use super::lookup;
use super::needed;
use super::output::{notify, print_err};
use super::preparation::PreparationView;
use super::repro::same_kernel;
use super::runtime::runtime;
use super::ssh;
use super::trust::{refuse_watched, trial_to_boot};
use super::values::arch_parser;
use crate::host::Serial;
use crate::kernel::Progress;
use crate::lab::{Ready, ShellGuest, Sources, Terminal};
use crate::matrix::{self, SingleCell, SinglePayload};
use crate::workload::needs_of_image;
use arch::Arch;
use model::{Canary, Cell, KernelArtifact, Needs, PLAN_SCHEMA, Payload, Plan, Timeouts, printable_lines};
use rustix::termios::tcgetwinsize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

/// The workload whose needs a guest without another one has.
const IDLE: &str = "idle";

/// What ends the shell after a standard input that is no terminal.
const EXIT: &[u8] = b"exit\n";

/// Timeout of the guest's SSH server, on a busy host.
const SSH_TIMEOUT: Duration = Duration::from_secs(600);

/// Timeout for QEMU's exit after the end of its console.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Arguments of `oomlab shell`.
#[derive(Debug, Clone, clap::Args)]
pub struct ShellArgs {
    /// A trial of an earlier run: its kernel, machine and workload; RUN/CELL, or the path of its folder [default: the cell of the
    /// options]
    #[arg(value_name = "RUN/CELL", add = trials(), conflicts_with_all = ["arch", "kernel", "tree", "config", "ram", "workload", "vcpus", "fault"])]
    pub trial: Option<String>,
    /// Architecture
    #[arg(long, value_parser = arch_parser(), required_unless_present = "trial")]
    pub arch: Option<Arch>,
    /// Kernel: a name of the catalogue, or the path of an image
    #[arg(long, value_name = "NAME|FILE", add = kernels(), required_unless_present_any = ["tree", "trial"])]
    pub kernel: Option<String>,
    /// Folder with a kernel's source: it is built as it is, with uncommitted changes
    #[arg(long, value_name = "DIR", conflicts_with = "kernel")]
    pub tree: Option<PathBuf>,
    /// Configuration for `--tree`, see `oomlab boot --help`
    #[arg(long, value_name = "NAME|FILE")]
    pub config: Vec<String>,
    /// RAM, for example 32M
    #[arg(long, default_value = "128M")]
    pub ram: String,
    /// Workload that can be started in the shell by its name; the guest has the disk and the modules that it needs
    #[arg(long, add = workloads(), conflicts_with = "image")]
    pub workload: Option<String>,
    /// Root disk, `images/NAME.yaml`, for example `debian`: the shell is on it, over SSH
    #[arg(long, value_name = "NAME", conflicts_with = "trial")]
    pub image: Option<String>,
    /// Option of the workload
    #[arg(long = "option", value_name = "NAME=VALUE", requires = "workload")]
    pub workload_options: Vec<String>,
    #[command(flatten)]
    pub machine: MachineArgs,
    #[command(flatten)]
    pub faults: FaultArgs,
    /// Open gdb's stub, print how to start gdb, and start the machine when gdb continues it
    #[arg(long)]
    pub gdb: bool,
    /// Boot a trial with the further arguments of QEMU that it has
    #[arg(long, requires = "trial")]
    pub trust: bool,
    /// Folder where LTP is installed, for workloads that run its tests
    #[arg(long, value_name = "DIR", env = "OOMLAB_LTP")]
    pub ltp: Option<PathBuf>,
    /// Mirror of the Debian archive [default: the one that this host's apt uses]
    #[arg(long, env = "OOMLAB_DEBIAN_MIRROR", value_name = "URL")]
    pub mirror: Option<String>,
}

/// Boots a guest with a shell, and joins its console with the terminal until it ends; returns the program's exit status.
///
/// # Errors
/// When the cell cannot exist, the lab fails, or QEMU does not start.
pub fn run(args: &ShellArgs, context: &Context) -> Result<u8, CliError> {
    let mut catalogues = Catalogues::read(context, args.mirror.clone())?;
    let view = View::new();
    let (mut cell, own) = match (&args.trial, args.arch) {
        (Some(trial), _) => recorded(trial, args, &catalogues)?,
        (None, Some(arch)) => typed(arch, args, &mut catalogues, context, &view)?,
        (None, None) => return Err(CliError::Usage("name an architecture with `--arch`, or a trial".to_owned())),
    };
    cell.repeat = 1;
    if cell.faults.console_bps.is_some() || cell.faults.vcpu_steal.is_some() {
        notify("a shell has neither the fault `console` nor `vcpu-steal`: the lab makes them during a trial");
    }
    let plan = Plan { schema: PLAN_SCHEMA, name: format!("shell {}", cell.id), cells: vec![cell], skipped: Vec::new() };
    needed::check(
        &plan,
        &catalogues,
        own.as_ref(),
        needed::Programs { ltp: args.ltp.as_deref(), ..Default::default() },
    )?;
    let sources = Sources {
        kernels: Arc::new(catalogues.kernels),
        images: Arc::new(catalogues.images),
        workloads: Arc::new(catalogues.workloads),
        own,
        own_qemu: false,
        ltp: args.ltp.clone(),
        cache: catalogues.cache,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let runtime = runtime()?;
    let done = runtime.block_on(session(&plan, &sources, view, args.gdb));
    runtime.shutdown_background();
    done
}

/// The cell of a trial, and its kernel if that is still there.
fn recorded(
    trial: &str,
    args: &ShellArgs,
    catalogues: &Catalogues,
) -> Result<(Cell, Option<KernelArtifact>), CliError> {
    let folder = lookup::trial(trial)?;
    let trial = trial_to_boot(&folder, args.trust)?;
    refuse_watched(&folder, &trial)?;
    let kernel = same_kernel(&trial, &catalogues.kernels);
    if kernel.is_none() {
        notify("the recorded trial's kernel is missing or changed: preparing it again");
    }
    let mut cell = trial.cell;
    cell.append.extend(args.machine.append.words());
    cell.qemu.extend(args.machine.qemu_arg.iter().cloned());
    if let Payload::Initrd(_) = cell.payload {
        notify("the trial's own initramfs is left out: the shell has the lab's");
        cell.payload = Payload::Workload { name: IDLE.into(), options: BTreeMap::new() };
        cell.needs = Needs::default();
    }
    Ok((cell, kernel))
}

/// The cell of the options, and a kernel that the user brings.
fn typed(
    arch: Arch,
    args: &ShellArgs,
    catalogues: &mut Catalogues,
    context: &Context,
    view: &View,
) -> Result<(Cell, Option<KernelArtifact>), CliError> {
    let named = BootKernelArgs { kernel: args.kernel.clone(), tree: args.tree.clone(), config: args.config.clone() };
    let workload = args.workload.as_deref();
    let options = boot::options(&args.workload_options)?;
    let choice = KernelChoice { named: &named, arch, ram: &args.ram, workload, options: &options };
    let (kernel, own) = choice.kernel(catalogues, context, view)?;
    let payload = SinglePayload::Workload { name: workload.unwrap_or(IDLE).to_owned(), options };
    let wanted = SingleCell {
        kernel,
        arch,
        ram: args.ram.clone(),
        payload,
        vcpus: args.machine.vcpus,
        append: args.machine.append.words(),
        qemu: args.machine.qemu_arg.clone(),
        faults: args.faults.faults()?,
        canary: Canary::default(),
        timeouts: Timeouts::default(),
        repeat: 1,
        fail_on: Vec::new(),
    };
    let plan = matrix::single(wanted, &catalogues.known())?;
    let mut cell = plan.cells.into_iter().next().ok_or_else(|| CliError::Lab("the plan has no cell".to_owned()))?;
    if let Some(image) = &args.image {
        cell.needs = needs_of_image(arch, image);
    }
    Ok((cell, own))
}

async fn session(plan: &Plan, sources: &Sources, view: View, for_gdb: bool) -> Result<u8, CliError> {
    let cancel = CancellationToken::new();
    cancel_and_say(cancel.clone(), "")?;
    let view = Arc::new(PreparationView { view, cancel: cancel.clone() });
    let Some(ready) = prepared(plan, sources, &view).await? else { return Ok(EXIT_INTERRUPTED) };
    let cell = &plan.cells[0];
    let script = ready.test.as_ref().map(|test| test.script.clone());
    let terminal = script.is_none().then(terminal);
    let mut guest = ShellGuest::start(cell, ready, terminal.as_ref(), for_gdb).await?;
    let sockets = guest.sockets();
    let serial = guest.console().await?;
    let place = if script.is_some() { "over SSH".to_owned() } else { format!("on {}", cell.arch.console) };
    notify(&format!(
        "{}, with a shell {place}; `exit` or Ctrl-] ends it, `oomlab attach --monitor` and `--gdb` reach it from another terminal",
        cell.id
    ));
    if for_gdb {
        let symbols = gdb::symbols(&sockets.guest.kernel, &sockets.guest.folder)?;
        let line = gdb::line(&sockets.guest.kernel, &symbols, &sockets.gdb());
        notify(&format!("the machine waits for `continue` of gdb: {}", line.trim_end()));
    }
    if let Some(script) = script {
        return over_ssh(guest, serial, (cell, &script), &cancel).await;
    }
    match Console::of_shell(serial, EXIT).join(&[], &cancel).await? {
        SessionEnd::User => notify("the guest ends"),
        SessionEnd::Guest => {
            guest.ended(EXIT_TIMEOUT).await?;
            notify("the guest has ended");
        }
        SessionEnd::Silence => {
            return Err(CliError::Lab(
                "the guest printed nothing for two minutes, and took no further line".to_owned(),
            ));
        }
    }
    Ok(0)
}

/// Joins a shell on the root disk with the terminal. What the kernel prints is in a file meanwhile.
async fn over_ssh(
    mut guest: ShellGuest,
    mut serial: Serial,
    (cell, script): (&Cell, &str),
    cancel: &CancellationToken,
) -> Result<u8, CliError> {
    let sockets = guest.sockets();
    let path = sockets.guest.folder.join("console.log");
    let mut console = tokio::fs::File::create(&path).await?;
    notify(&format!("its console is in {}", path.display()));
    let read = async {
        while let Some(bytes) = serial.read().await {
            console.write_all(&bytes).await?;
            console.flush().await?;
        }
        std::future::pending::<std::io::Result<()>>().await
    };
    let script = (!script.is_empty()).then(|| (format!("/root/{}", cell.workload_name()), script));
    let joined = tokio::select! {
        joined = ssh::join(&sockets, script, SSH_TIMEOUT, cancel) => joined,
        read = read => return read.map(|()| 0).map_err(Into::into),
        exited = guest.exited() => {
            exited?;
            // It was powered off in the shell, or has panicked: its last lines are about to go with the folder.
            print_tail(&path);
            notify("the guest has ended");
            return Ok(0);
        }
    };
    match joined {
        Ok(Some(status)) => {
            notify("the guest ends");
            Ok(status)
        }
        Ok(None) => Ok(EXIT_INTERRUPTED),
        Err(error) => {
            print_tail(&path);
            Err(error)
        }
    }
}

/// Prints the last lines of the console's record, whose folder goes with the guest.
fn print_tail(console: &Path) {
    print_err(&printable_lines(&String::from_utf8_lossy(&last(console).unwrap_or_default())));
}

/// The cell's kernel, and an initramfs with a shell; `None` after an interrupt.
async fn prepared(plan: &Plan, sources: &Sources, view: &Arc<PreparationView>) -> Result<Option<Ready>, CliError> {
    let accelerators = sources.accelerators(plan).await;
    let progress = Arc::clone(view) as Arc<dyn Progress + Send>;
    let mut found = None;
    sources.prepare(plan, &accelerators, progress, &view.cancel, |_, ready| found = Some(ready)).await;
    let work = {
        let (sources, cell, view) = (sources.clone(), plan.cells[0].clone(), Arc::clone(view));
        let place = move |ready: Ready| match ready.test {
            Some(_) => Ok(ready),
            None => sources.with_shell(&cell, ready, view.as_ref()),
        };
        move || found.map(|ready| ready.and_then(place))
    };
    let ready = match tokio::task::spawn_blocking(work).await {
        Ok(ready) => ready,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    view.view.clear();
    match ready {
        _ if view.cancel.is_cancelled() => Ok(None),
        Some(ready) => ready.map(Some).map_err(|verdict| CliError::Lab(verdict.summary)),
        None => Err(CliError::Lab("nothing was prepared".to_owned())),
    }
}

/// The terminal on standard output.
fn terminal() -> Terminal {
    let size = tcgetwinsize(std::io::stdout()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
    Terminal { kind: std::env::var("TERM").ok(), size: size.map(|size| (size.ws_row, size.ws_col)) }
}
