//! What can be typed.

use crate::cli::values::{arch_parser, seconds};
use clap::{Subcommand, value_parser};
use std::path::PathBuf;

/// Arguments of `oomlab bisect`.
#[derive(Debug, Clone, clap::Args)]
pub struct BisectArgs {
    #[command(subcommand)]
    pub action: BisectAction,
}

/// What to do with a bisection.
#[derive(Debug, Clone, Subcommand)]
pub enum BisectAction {
    /// Find the commit of a git repository that made a command fail, be it now and then
    ///
    /// The command runs in worktrees of the lab's own, never in your checkout. As for `git bisect run`, it ends with 0 where all
    /// is good, with 1 to 124 where it is bad, and with 125 where that cannot be told. A trial that a signal ends, or 128 and more,
    /// counts for neither side.
    ///
    /// Exit status: 0 one commit found, 1 none or several, 2 wrong usage, 3 the lab failed, 130 interrupted.
    Commits(CommitsArgs),
    /// Find the kernel of the catalogue from which on a cell fails
    ///
    /// Exit status: 0 one found, 1 none or several, 2 wrong usage, 3 the lab failed, 130 interrupted.
    Versions(VersionsArgs),
    /// Find the value of an axis from which on a cell fails: RAM, vCPUs, an option of the workload
    ///
    /// Exit status: 0 one found, 1 none or several, 2 wrong usage, 3 the lab failed, 130 interrupted.
    Axis(AxisArgs),
    /// Find the smallest set of kernel options with which a cell fails, of those in which two configurations differ
    ///
    /// The same command with the same `--out` goes on with one that was stopped.
    ///
    /// Exit status: 0 found, 1 not, 2 wrong usage, 3 the lab failed, 130 interrupted.
    Config(ConfigArgs),
    /// Compare ways to bisect in made-up histories whose culprit is known
    Simulate(SimulateArgs),
    /// Show where a bisection stands
    Status(SessionArgs),
    /// Go on with a bisection that was stopped
    Resume(ResumeArgs),
    /// Print a bisection as `git bisect log` does
    Log(SessionArgs),
    /// Print the report of a bisection, as markdown
    Report(SessionArgs),
}

/// Arguments of `oomlab bisect commits`.
#[derive(Debug, Clone, clap::Args)]
pub struct CommitsArgs {
    /// The git repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub repo: PathBuf,
    /// A revision without the failure; may be given more than once
    #[arg(long, value_name = "REV", required = true)]
    pub good: Vec<String>,
    /// A revision with it
    #[arg(long, value_name = "REV")]
    pub bad: String,
    /// The trial is this command for sh, and not a cell of the lab's; it runs in a worktree, with the commit in OOMLAB_COMMIT and the number of its trial, from 1,
    /// in OOMLAB_TRIAL
    #[arg(long, value_name = "CMD", conflicts_with_all = ["arch", "workload", "cell"])]
    pub exec: Option<String>,
    /// Configuration of the kernels that are built: a name of `kernels/config/`, or a file; may be given more than once
    /// [default: what the lab's own kernels of the architecture have]
    #[arg(long, value_name = "NAME|FILE")]
    pub config: Vec<String>,
    #[command(flatten)]
    pub cell: CellArgs,
    #[command(flatten)]
    pub lab: LabArgs,
    /// Look for the commit that repaired it: the bad end is then older than the good one
    #[arg(long)]
    pub fix: bool,
    /// Seconds after which a trial of a command is ended and counts as bad; without it, none may take 12 hours
    #[arg(long, value_name = "SECONDS", value_parser = seconds, requires = "exec")]
    pub timeout: Option<f64>,
    #[command(flatten)]
    pub search: SearchArgs,
}

/// How sure, how long, and where to.
#[derive(Debug, Clone, clap::Args)]
pub struct SearchArgs {
    /// Trials at a time; of a command, each in a worktree of its own [default: 1; of cells: as many as there are CPUs for]
    #[arg(long, short, value_name = "N", value_parser = value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    /// How sure the answer has to be
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.95)]
    pub sure: f64,
    /// End after so many trials with what is known by then
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub most_trials: Option<u32>,
    /// Folder of the bisection [default: the next free bisections/<date>-<n>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the answer as one JSON object on one line; the rest goes to standard error
    #[arg(long)]
    pub json: bool,
}

/// The cell that is tried.
#[derive(Debug, Clone, clap::Args)]
pub struct CellArgs {
    /// The cell of an earlier trial, as reports name it
    #[arg(long, value_name = "RUN/CELL", conflicts_with_all = ["arch", "workload", "append"])]
    pub cell: Option<String>,
    /// Architecture
    #[arg(long, value_parser = arch_parser())]
    pub arch: Option<arch::Arch>,
    /// RAM, for example 32M
    #[arg(long, default_value = "128M")]
    pub ram: String,
    /// Workload; its options as `--option name=value`
    #[arg(long)]
    pub workload: Option<String>,
    /// Option of the workload
    #[arg(long = "option", value_name = "NAME=VALUE", requires = "workload")]
    pub workload_options: Vec<String>,
    /// Further words of the kernel command line
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub append: Option<String>,
    /// Virtual CPUs
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    pub vcpus: u32,
    /// Seconds that the workload may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = seconds)]
    pub load_timeout: f64,
    /// Count failures of the same title as that of the first one at the bad end, and not all of its kind
    #[arg(long, conflicts_with_all = ["any_failure", "verdict"])]
    pub signature: bool,
    /// Count every hang, crash and failure to boot
    #[arg(long, conflicts_with = "verdict")]
    pub any_failure: bool,
    /// Count this verdict, for example hang/oom-livelock [default: the kind of the first failure at the bad end]
    #[arg(long, value_name = "VERDICT")]
    pub verdict: Option<String>,
}

/// What trials and builds may use.
#[derive(Debug, Clone, clap::Args)]
pub struct LabArgs {
    /// Program to run in place of QEMU
    #[arg(long, value_name = "PROGRAM", env = "OOMLAB_QEMU")]
    pub qemu: Option<PathBuf>,
    /// Mirror of the Debian archive for kernels [default: the one that this host's apt uses]
    #[arg(long, env = "OOMLAB_DEBIAN_MIRROR", value_name = "URL")]
    pub mirror: Option<String>,
}

/// Arguments of `oomlab bisect versions`.
#[derive(Debug, Clone, clap::Args)]
pub struct VersionsArgs {
    /// The version to begin with: 5.10, or a kernel's name as `oomlab kernel list` has it
    #[arg(long, value_name = "VERSION")]
    pub from: String,
    /// The version to end with; which of the two fails is found out
    #[arg(long, value_name = "VERSION")]
    pub to: String,
    #[command(flatten)]
    pub cell: CellArgs,
    #[command(flatten)]
    pub lab: LabArgs,
    #[command(flatten)]
    pub search: SearchArgs,
}

/// Arguments of `oomlab bisect axis`.
#[derive(Debug, Clone, clap::Args)]
pub struct AxisArgs {
    /// The axis: ram, vcpus, or option:NAME for an option of the workload
    #[arg(long)]
    pub axis: String,
    /// The value to begin with
    #[arg(long, value_name = "VALUE")]
    pub from: String,
    /// The value to end with; which of the two fails is found out
    #[arg(long, value_name = "VALUE")]
    pub to: String,
    /// The distance of two values [default: 1, or 1M of RAM]
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Kernel: a name of the catalogue
    #[arg(long, required_unless_present = "cell")]
    pub kernel: Option<String>,
    #[command(flatten)]
    pub cell: CellArgs,
    #[command(flatten)]
    pub lab: LabArgs,
    #[command(flatten)]
    pub search: SearchArgs,
}

/// Arguments of `oomlab bisect config`.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArgs {
    /// A `.config` with which it does not fail
    #[arg(long, value_name = "FILE")]
    pub good: PathBuf,
    /// A `.config` with which it does
    #[arg(long, value_name = "FILE")]
    pub bad: PathBuf,
    /// Kernel: a name of the catalogue, of one that is built from source
    #[arg(long, required_unless_present = "cell")]
    pub kernel: Option<String>,
    #[command(flatten)]
    pub cell: CellArgs,
    #[command(flatten)]
    pub lab: LabArgs,
    #[command(flatten)]
    pub search: SearchArgs,
}

/// Arguments of `oomlab bisect simulate`.
#[derive(Debug, Clone, clap::Args)]
pub struct SimulateArgs {
    /// Worlds a row
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = value_parser!(u32).range(1..=100_000))]
    pub worlds: u32,
    /// Seed of the first world; the others have the numbers behind it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Draw it as well, as SVG
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
}

/// Which bisection.
#[derive(Debug, Clone, clap::Args)]
pub struct SessionArgs {
    /// Its folder [default: the one that was begun last in bisections/]
    #[arg(value_name = "DIR")]
    pub session: Option<PathBuf>,
}

/// Arguments of `oomlab bisect resume`.
#[derive(Debug, Clone, clap::Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    pub session: SessionArgs,
    /// Print the answer as one JSON object on one line; the rest goes to standard error
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub lab: LabArgs,
}

/// Arguments of `oomlab step`.
#[derive(Debug, Clone, clap::Args)]
pub struct StepArgs {
    /// How sure the answer has to be
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.95)]
    pub sure: f64,
    /// How often a bad revision fails, if you know it: 0.4 for four of ten trials
    #[arg(long, value_name = "SHARE")]
    pub rate: Option<f64>,
    /// Trials after which to give up and skip the revision
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    pub most_trials: u32,
    /// Seconds after which a trial is ended and counts as bad; without it, none may take 12 hours
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<f64>,
    /// The trial
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
}
