//! The command line.

use super::archive::ArchiveArgs;
use super::attach::AttachArgs;
use super::batch::BatchArgs;
use super::bisect::{BisectArgs, StepArgs};
use super::bundle::BundleArgs;
use super::cache::CacheArgs;
use super::classify::ClassifyArgs;
use super::compare::CompareArgs;
use super::completion::{kernels, runs, trials, workloads};
use super::doctor::DoctorArgs;
use super::end::EndGuestArgs;
use super::export::ExportArgs;
use super::flaky::FlakyArgs;
use super::guest_args::{CanaryArgs, EndArgs, FailOnArgs, FaultArgs, MachineArgs, TimeoutArgs};
use super::history::HistoryArgs;
use super::kernel::KernelArgs;
use super::lookup::LATEST;
use super::merge::MergeArgs;
use super::nightly::NightlyArgs;
use super::pack::PackArgs;
use super::prune::PruneArgs;
use super::quarantine::QuarantineArgs;
use super::replay::ReplayArgs;
use super::report::ReportArgs;
use super::run_options::RunOptions;
use super::shell::ShellArgs;
use super::values::{arch_parser, seconds, shell_parser};
use super::watch::WatchArgs;
use super::workload::WorkloadArgs;
use crate::schedule::Shard;
use arch::Arch;
use clap::{ColorChoice, Parser, Subcommand};
use std::path::{Path, PathBuf};

/// Boots Linux kernels in QEMU, puts them under memory pressure, and judges from outside whether and how they hang.
///
/// Exit status: 0 all as expected, 1 something unexpected in a guest, 2 wrong usage or matrix, 3 the lab failed,
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "oomlab", version, max_term_width = 100)]
pub struct Program {
    /// Subcommand
    #[command(subcommand)]
    pub command: Command,
    /// When to use colour; NO_COLOR is respected
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options",
        display_order = 1000
    )]
    pub color: ColorChoice,
    /// Folder with custom `images` and `kernels`, used before the built-in ones [default: the current folder, if it has them]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "OOMLAB_DATA",
        help_heading = "Global options",
        display_order = 1000
    )]
    pub data: Option<PathBuf>,
    /// Log what the lab does; with `plan`, print command lines
    #[arg(long, short, global = true, help_heading = "Global options", display_order = 1000)]
    pub verbose: bool,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a matrix: boot every cell, judge it, report
    Run(RunArgs),
    /// Show a matrix's cells and what they need first, with `-v` their QEMU command lines; boots nothing
    Plan(PlanArgs),
    /// Boot one cell without writing a matrix
    Boot(BootArgs),
    /// Run a trial of an earlier run again
    Repro(ReproArgs),
    /// Report a run again, as text or as a file
    Report(ReportArgs),
    /// Run the plan of an earlier run again, or its failures: a new run
    Rerun(RerunArgs),
    /// Run matrices, tell what has changed since the nights before, and bisect it
    ///
    /// Exit status: 0 nothing is new, 1 something is new or worse, or a trial ended unexpectedly without a verdict, 2 wrong usage,
    /// configuration or matrix, 3 the lab failed, 130 interrupted.
    Nightly(NightlyArgs),
    /// Remove console, events and dumps of old runs; their records and reports stay
    Prune(PruneArgs),
    /// List the runs with what changed in each, or show a cell's failure rate over them
    History(HistoryArgs),
    /// Compare two runs cell by cell: new, worse, better, fixed
    ///
    /// Exit status: 0 no cell is new or worse, 1 one is, 2 wrong usage or no such run, 3 the runs cannot be read.
    Compare(CompareArgs),
    /// List cells that fail at a steady rate between 2 % and 98 %
    Flaky(FlakyArgs),
    /// Judge recorded trials again by the current rules
    ///
    /// Exit status: 0 every verdict is the same, 1 a verdict differs, 2 wrong usage or no record, 3 a record cannot be read.
    Replay(ReplayArgs),
    /// Make one run of several ones of a matrix, such as the shards of `oomlab run --shard`
    ///
    /// Exit status: that of the merged run; 3 where trials are missing.
    Merge(MergeArgs),
    /// Pack a run into one file, which `oomlab merge` takes as a run
    Archive(ArchiveArgs),
    /// Print the shards of a matrix as jobs of a CI system
    Export(ExportArgs),
    /// Pack a trial for people without the lab, with a script that boots it
    Bundle(BundleArgs),
    /// Pack a matrix with all that its cells boot, for hosts that have QEMU alone: `oomlab run --pack` runs it there
    Pack(PackArgs),
    /// Boot a cell with an interactive shell on its console
    Shell(ShellArgs),
    /// Connect to a guest that `--keep-on` kept: its console, QEMU's monitor, or gdb
    Attach(AttachArgs),
    /// End guests that were kept
    End(EndGuestArgs),
    /// Judge a foreign guest: a running QEMU, or a console on standard input
    Watch(WatchArgs),
    /// List the failures in a console log, earliest cause first
    Classify(ClassifyArgs),
    /// Find the commit that introduced a failure, including intermittent ones
    Bisect(BisectArgs),
    /// For `git bisect run`: repeat a command until the revision is known to be good or bad
    ///
    /// Exit status: 0 good, 1 bad, 125 undecided, or the command exits with it.
    Step(StepArgs),
    /// Run one trial by its spec: what `--executor process` starts
    #[command(hide = true)]
    Trial(TrialArgs),
    /// Run the trials of one task of a Slurm job array: what `--executor slurm` submits
    #[command(hide = true)]
    Batch(BatchArgs),
    /// List, fetch and build kernels
    Kernel(KernelArgs),
    /// Show what lies in the cache, and remove what has not been used for long
    ///
    /// The kernels of commits, which bisections build, and those that a newer build of the same name has replaced may take 4 GiB in
    /// all, or what `OOMLAB_COMMIT_KERNELS` says, for example 10G: beyond that, the least recently used ones are removed when
    /// another is finished.
    Cache(CacheArgs),
    /// List and describe workloads
    Workload(WorkloadArgs),
    /// Report what the host lacks and why it matters
    Doctor(DoctorArgs),
    /// Print a JSON Schema: of the matrix, the quarantine or the configuration of nights, for editors, or of the report that `--json`
    /// writes
    Schema {
        /// `matrix`, `quarantine`, `nightly` or `report`
        #[arg(value_enum, default_value = "matrix", hide_possible_values = true)]
        document: Document,
    },
    /// Print a completion script for a shell; it knows kernels, workloads, runs and cells
    Completions {
        /// The shell
        #[arg(value_parser = shell_parser())]
        shell: String,
    },
    /// Write the man pages into a folder: what `make install` does
    #[command(hide = true)]
    Man {
        /// The folder
        dir: PathBuf,
    },
}

/// A document that has a JSON Schema.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Document {
    /// The matrix, which the user writes
    Matrix,
    /// The quarantine of a matrix, which the user writes
    Quarantine,
    /// The configuration of nights, which the user writes
    Nightly,
    /// The report of a run, which `--json` writes
    Report,
}

/// Arguments of `oomlab trial`.
#[derive(Debug, Clone, clap::Args)]
pub struct TrialArgs {
    /// The trial's spec
    #[arg(value_name = "SPEC.json")]
    pub spec: PathBuf,
    /// The trial's folder
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Arguments of `oomlab run`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    override_usage = "oomlab run [OPTIONS] <MATRIX> [--resume [<RUN>]]\n       oomlab run [OPTIONS] --resume [<RUN>]\n       oomlab run [OPTIONS] --pack <PACK> [--resume [<RUN>]]"
)]
pub struct RunArgs {
    /// The matrix
    #[arg(required_unless_present_any = ["resume", "pack"])]
    pub matrix: Option<PathBuf>,
    /// Run the plan of a pack, a folder or an archive that `oomlab pack` made: this host needs QEMU alone; see `docs/pack.md`
    #[arg(long, value_name = "PACK", conflicts_with_all = ["matrix", "range", "quarantine", "no_quarantine", "quarantine_verify", "bisect_regressions"])]
    pub pack: Option<PathBuf>,
    /// Continue a run in its folder, with the plan that it has: what has ended is not run again; see `docs/resume.md`
    /// [without RUN: the latest run that is not complete]
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = LATEST, add = runs(), conflicts_with_all = ["out", "range"])]
    pub resume: Option<String>,
    /// With `--resume` and without a matrix, or with `--pack`: boot it with the further arguments of QEMU that the plan has
    #[arg(long, conflicts_with = "matrix")]
    pub trust: bool,
    /// Run only cells that match, for example `arch=arm ram<=64M`; see `docs/matrix.md`
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Trials of each cell, in place of what the matrix says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeat: Option<u32>,
    /// Only the cells of one of several machines, for example 2/8; `oomlab merge` makes one run of all; see `docs/shards.md`
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
    #[command(flatten)]
    pub quarantine: QuarantineArgs,
    /// Run only the cells of the quarantine, each with all its trials, and tell of each entry whether it still fails
    #[arg(long, conflicts_with = "no_quarantine")]
    pub quarantine_verify: bool,
    /// Bisect cells that are unexpected now and were as expected in an earlier run beside this one, for at most this many minutes
    /// in total; only kernels from a git repository
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, require_equals = true, default_missing_value = "120", value_parser = seconds, conflicts_with = "keep_on")]
    pub bisect_regressions: Option<f64>,
    /// Run each cell with each commit of this range, newest first, built with the configuration of the cell's kernel; trials of
    /// kernels that were tried before are not repeated
    #[arg(long, value_name = "OLD..NEW", conflicts_with_all = ["bisect_regressions", "keep_on", "quarantine", "quarantine_verify", "shard"])]
    pub range: Option<String>,
    /// The git repository of `--range`
    #[arg(long, value_name = "DIR", default_value = ".", requires = "range")]
    pub repo: PathBuf,
    /// Bisect each cell between its first red commit and a green one before it, for at most this many minutes in total
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, require_equals = true, default_missing_value = "120", value_parser = seconds, requires = "range")]
    pub bisect: Option<f64>,
    #[command(flatten)]
    pub options: RunOptions,
}

impl RunArgs {
    /// The matrix; only `--resume` works without one, and does not ask for it.
    pub(super) fn matrix_path(&self) -> &Path {
        self.matrix.as_deref().unwrap_or(Path::new("-"))
    }
}

/// Arguments of `oomlab plan`.
#[derive(Debug, Clone, clap::Args)]
pub struct PlanArgs {
    /// The matrix
    pub matrix: PathBuf,
    /// Show only cells that match
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Only the cells of one of several machines, for example 2/8; `oomlab merge` makes one run of all; see `docs/shards.md`
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
    #[command(flatten)]
    pub quarantine: QuarantineArgs,
    /// Learned durations of trials, the costs.json of a run [default: those of earlier runs; shards: all cells take as long]
    #[arg(long, value_name = "FILE")]
    pub costs: Option<PathBuf>,
    /// Print a JSON document
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `oomlab boot`.
#[derive(Debug, Clone, clap::Args)]
pub struct BootArgs {
    /// Architecture
    #[arg(long, value_parser = arch_parser())]
    pub arch: Arch,
    #[command(flatten)]
    pub kernel: BootKernelArgs,
    /// RAM, for example 32M
    #[arg(long, default_value = "128M")]
    pub ram: String,
    /// Workload; its options as `--option name=value`
    #[arg(long, conflicts_with = "initrd", add = workloads())]
    pub workload: Option<String>,
    /// Option of the workload
    #[arg(long = "option", value_name = "NAME=VALUE", requires = "workload")]
    pub workload_options: Vec<String>,
    /// Custom initramfs in place of the lab's agent, judged from console and host alone; `none` where the kernel or a disk has it
    #[arg(long, value_name = "FILE")]
    pub initrd: Option<PathBuf>,
    #[command(flatten)]
    pub end: EndArgs,
    #[command(flatten)]
    pub reports: FailOnArgs,
    #[command(flatten)]
    pub machine: MachineArgs,
    #[command(flatten)]
    pub faults: FaultArgs,
    #[command(flatten)]
    pub canary: CanaryArgs,
    #[command(flatten)]
    pub timeouts: TimeoutArgs,
    /// Number of trials
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeat: u32,
    #[command(flatten)]
    pub options: RunOptions,
}

/// The kernel of `oomlab boot`.
#[derive(Debug, Clone, clap::Args)]
pub struct BootKernelArgs {
    /// Kernel: a name of the catalogue, or the path of an image (with a `/` in it, or of a file that exists), whose System.map,
    /// vmlinux, configuration and modules are found where a build or an installation puts them
    #[arg(long, value_name = "NAME|FILE", add = kernels(), required_unless_present = "tree")]
    pub kernel: Option<String>,
    /// Folder with a kernel's source: it is built as it is, with uncommitted changes; nothing is written to it
    #[arg(long, value_name = "DIR", conflicts_with = "kernel")]
    pub tree: Option<PathBuf>,
    /// Configuration for `--tree`: a name in `kernels/config/`, or a file; may be given more than once [default: the folder's
    /// `.config` if it is for this architecture, else that of the catalogue's kernels]
    #[arg(long, value_name = "NAME|FILE")]
    pub config: Vec<String>,
}

/// Arguments of `oomlab repro`.
#[derive(Debug, Clone, clap::Args)]
pub struct ReproArgs {
    /// The trial, as reports name it: RUN/CELL, or the path of its folder
    #[arg(value_name = "RUN/CELL", add = trials())]
    pub trial: String,
    /// Print a shell script instead of running it
    #[arg(long)]
    pub script: bool,
    /// Boot it with the further arguments of QEMU that the trial has
    #[arg(long, conflicts_with = "script")]
    pub trust: bool,
    #[command(flatten)]
    pub options: RunOptions,
}

/// Arguments of `oomlab rerun`.
#[derive(Debug, Clone, clap::Args)]
pub struct RerunArgs {
    /// The run, as reports name it, or the path of its folder; `latest` for the latest one
    #[arg(value_name = "RUN", default_value = LATEST, add = runs())]
    pub run: String,
    /// Run only cells with a trial that did not end as expected
    #[arg(long)]
    pub failed: bool,
    /// Run only cells that match, for example `arch=arm ram<=64M`; see `docs/matrix.md`
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Trials of each cell, in place of what the plan says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeat: Option<u32>,
    /// Boot cells with the further arguments of QEMU that the plan has
    #[arg(long)]
    pub trust: bool,
    #[command(flatten)]
    pub options: RunOptions,
}
