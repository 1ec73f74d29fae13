//! `oomlab watch`: judges a guest that the lab did not plan.

use super::args::Program;
use super::context::Context;
use super::error::CliError;
use super::guest_args::{EndArgs, FailOnArgs};
use super::interrupt::cancel_on_signals;
use super::live::Live;
use super::output::notify;
use super::report::{report_json, report_text};
use super::runtime::runtime;
use super::values::{arch_parser, seconds};
use crate::host::{Foreign, HostReader, Resources, today, wall_clock};
use crate::kernel::Kernels;
use crate::lab::{self, GuestSpec, Lab, LocalExecutor, Ready};
use crate::launch::{Given, chardev_at};
use crate::schedule::Costs;
use crate::store::{RunDir, open_regular};
use arch::Arch;
use clap::CommandFactory;
use model::{
    Accel, Axes, Canary, Cell, Digest, Expectation, Faults, KernelArtifact, KernelName, Needs, PLAN_SCHEMA, Payload,
    Plan, Timeouts,
};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Arguments of `oomlab watch`.
#[derive(Debug, Clone, clap::Args)]
pub struct WatchArgs {
    /// Unix socket of the serial console of a running QEMU [default: standard input is the console]
    #[arg(long, value_name = "SOCKET", conflicts_with = "command")]
    pub serial: Option<PathBuf>,
    /// Unix socket of its QMP; without it vCPUs and memory are unknown
    #[arg(long, value_name = "SOCKET", requires = "serial")]
    pub qmp: Option<PathBuf>,
    /// Architecture [default: that of the QEMU program]
    #[arg(long, value_parser = arch_parser())]
    pub arch: Option<Arch>,
    /// Kernel image, for its symbols [default: QEMU's `-kernel`]
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// System.map of the kernel
    #[arg(long, value_name = "FILE")]
    pub system_map: Option<PathBuf>,
    /// vmlinux of the kernel, for its debug information
    #[arg(long, value_name = "FILE")]
    pub vmlinux: Option<PathBuf>,
    #[command(flatten)]
    pub end: EndArgs,
    #[command(flatten)]
    pub reports: FailOnArgs,
    /// End the trial after so many seconds [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<f64>,
    /// Timeout of the boot, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    pub boot_timeout: f64,
    /// Time without an allocation after which the guest is looked at, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pub stuck_timeout: f64,
    /// Folder of the run [default: the next free runs/<date>-<n>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the results as one JSON document; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Keep the RAM of a guest that hung or crashed, compressed, for crash(8), unless it has more RAM than this
    #[arg(long, value_name = "MAX", num_args = 0..=1, require_equals = true, default_missing_value = "512M")]
    pub dump: Option<model::RamMib>,
    /// A QEMU command line to run: its serial console and one more QMP monitor go to the lab
    #[arg(last = true, value_name = "QEMU")]
    pub command: Vec<String>,
}

/// A timeout in seconds that never expires.
const NEVER_S: f64 = 1e9;

/// Watches a guest until it ends, hangs or crashes; returns the program's exit status.
///
/// # Errors
/// When there is nothing to watch, or the lab fails.
pub fn run(args: &WatchArgs, context: &Context) -> Result<u8, CliError> {
    // A QEMU that the lab starts is killed when the thread that spawned it ends: this one lives as long as the program.
    let runtime = runtime()?;
    let code = runtime.block_on(watch(args, context));
    runtime.shutdown_background();
    code
}

async fn watch(args: &WatchArgs, context: &Context) -> Result<u8, CliError> {
    let (guest, argv) = guest(args).await?;
    let given = Given::read(&argv);
    let spec = spec(args, &given)?;
    let kernel = kernel(args, &given, spec)?;
    let fail_on = args.reports.kinds()?;
    let cell = Cell { fail_on, ..cell(args, &given, &kernel, spec) };
    let plan = Plan { schema: PLAN_SCHEMA, name: "watch".to_owned(), cells: vec![cell], skipped: Vec::new() };
    let cancel = CancellationToken::new();
    cancel_on_signals(cancel.clone())?;
    let run = RunDir::create(args.out.as_deref(), Path::new("runs"), &today(), &plan, &wall_clock())?;
    notify(&format!("watching · {}", run.path().join("cells").join(Cell::WATCHED).display()));
    let live = Arc::new(Live::new(&plan.cells, 1, context.color));
    let budget = Resources::of_host().budget();
    let (host, costs) = (Some(HostReader::default()), Costs::default());
    let options = lab::RunOptions { budget, host, costs, qemu: None, dump: args.dump, diagnose_all: true };
    let lab =
        Lab::new(options, Arc::new(LocalExecutor::default()), Arc::clone(&live) as Arc<dyn lab::Observer>, cancel);
    let ready = Ready { kernel, initrd: None, firmware: None, test: None, accelerator: Accel::Tcg.into() };
    let result = lab.watch(&plan.cells[0], ready, guest, &run).await;
    live.close();
    let json = args.json.as_deref();
    let code = report_text(&run, json, None, context.color);
    report_json(&run, json)?;
    result?;
    code
}

/// Where the guest is, and what is known of its command line.
async fn guest(args: &WatchArgs) -> Result<(GuestSpec, Vec<String>), CliError> {
    if !args.command.is_empty() {
        misplaced(&args.command)?;
        return Ok((GuestSpec::Spawn { argv: args.command.clone() }, args.command.clone()));
    }
    let Some(serial) = &args.serial else { return Ok((GuestSpec::Stdin, Vec::new())) };
    for path in [Some(serial), args.qmp.as_ref()].into_iter().flatten() {
        if !std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
            let wrong = format!(
                "{} is no unix socket: start QEMU with `-chardev socket,id=…,path=…,server=on,wait=off`",
                path.display()
            );
            return Err(CliError::Usage(wrong));
        }
    }
    let argv = match &args.qmp {
        Some(qmp) => {
            let wrong = |error| CliError::Usage(format!("no QEMU answers at {}: {error}", qmp.display()));
            Foreign::listening_at(qmp).await.map_err(wrong)?.command()
        }
        None => Vec::new(),
    };
    let console = chardev_at(&argv, serial);
    Ok((GuestSpec::Attach { serial: serial.clone(), console, qmp: args.qmp.clone() }, argv))
}

/// Options that QEMU has as well as the lab, or takes with two hyphens.
const OF_QEMU: [&str; 3] = ["kernel", "serial", "qmp"];

/// Refuses the lab's own options behind `--`: QEMU would only say that it does not know them.
fn misplaced(command: &[String]) -> Result<(), CliError> {
    if command.iter().any(|word| matches!(word.as_str(), "-daemonize" | "--daemonize")) {
        let wrong =
            "`-daemonize` detaches QEMU from the lab; leave it out, or name QEMU's sockets with `--serial` and `--qmp`";
        return Err(CliError::Usage(wrong.to_owned()));
    }
    let program = Program::command();
    let watch = program.find_subcommand("watch").into_iter().flat_map(clap::Command::get_arguments);
    let own: Vec<&str> = watch.filter_map(clap::Arg::get_long).filter(|name| !OF_QEMU.contains(name)).collect();
    let name = |word: &String| word.strip_prefix("--").map(|word| word.split('=').next().unwrap_or(word).to_owned());
    match command.iter().filter_map(name).find(|name| own.contains(&name.as_str())) {
        Some(name) => {
            Err(CliError::Usage(format!("`--{name}` is an option of the lab, not of QEMU: write it before `--`")))
        }
        None => Ok(()),
    }
}

/// The architecture: as the user says, else as QEMU's program says, else the host's.
fn spec(args: &WatchArgs, given: &Given) -> Result<Arch, CliError> {
    let host = || std::env::consts::ARCH.parse::<Arch>();
    args.arch.or(given.arch).map_or_else(host, Ok).map_err(|error| CliError::Usage(format!("{error}; use `--arch`")))
}

/// The kernel with whatever there is of its symbols; none of it is needed for a verdict.
fn kernel(args: &WatchArgs, given: &Given, spec: Arch) -> Result<KernelArtifact, CliError> {
    let path = args.kernel.as_ref().or(given.kernel.as_ref());
    let mut kernel = match path.filter(|path| args.kernel.is_some() || path.is_file()) {
        Some(path) => Kernels::user_kernel(&KernelName::new(name(path)), spec, readable(path)?)?,
        None => KernelArtifact::of_image(KernelName::new("unknown"), spec, PathBuf::new(), Digest::of_bytes(&[])),
    };
    for (from, to) in [(&args.system_map, &mut kernel.system_map), (&args.vmlinux, &mut kernel.vmlinux)] {
        let Some(path) = from else { continue };
        *to = Some(std::path::absolute(readable(path)?)?);
    }
    Ok(kernel)
}

fn readable(path: &Path) -> Result<&Path, CliError> {
    let wrong = |error| CliError::Usage(format!("cannot read {}: {error}", path.display()));
    open_regular(path).map(|_| path).map_err(wrong)
}

/// The file's name, as far as a cell's name takes it.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect()
}

fn cell(args: &WatchArgs, given: &Given, kernel: &KernelArtifact, spec: Arch) -> Cell {
    // A guest without the agent has no end of its boot: its trial ends after both times.
    let total_s = args.timeout.unwrap_or(NEVER_S);
    let boot_s = args.boot_timeout.min(total_s);
    Cell {
        id: Cell::WATCHED.into(),
        kernel: kernel.name.clone(),
        arch: spec,
        ram: given.ram,
        vcpus: given.vcpus,
        payload: Payload::Initrd(args.end.initrd(given.initrd.clone())),
        needs: Needs::default(),
        faults: Faults::default(),
        canary: Canary::default(),
        axes: Axes::default(),
        append: Vec::new(),
        qemu: Vec::new(),
        timeouts: Timeouts { boot_s, load_s: total_s - boot_s, stuck_s: args.stuck_timeout },
        repeat: 1,
        expect: Expectation::pass(),
        fail_on: Vec::new(),
        quarantine: Vec::new(),
    }
}
