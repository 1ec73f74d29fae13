//! Arguments of `oomlab bisect` and `oomlab step`.

use crate::bisection::{Axis, VerdictPattern};
use crate::cli::completion::{kernels, trials, workloads};
use crate::cli::guest_args::{AppendArgs, CanaryArgs, TimeoutArgs};
use crate::cli::host_args::LabArgs;
use crate::cli::values::{arch_parser, seconds};
use arch::Arch;
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
    /// Find the commit of a git repository that introduced a failure, also an intermittent one
    ///
    /// Commands run in separate worktrees, never in your checkout. As for `git bisect run`, exit status 0 is good, 1 to 124 is
    /// bad, 125 means that the commit cannot be tried. A command that is killed by a signal, or exits with 128 or more, counts
    /// for neither side.
    ///
    /// Exit status: 0 one commit found, 1 none or several, 2 wrong usage, 3 the lab failed, 130 interrupted.
    Commits(CommitsArgs),
    /// Find the first kernel of the catalogue with which a cell fails
    ///
    /// Exit status: 0 one found, 1 none or several, 2 wrong usage, 3 the lab failed, 130 interrupted.
    Versions(VersionsArgs),
    /// Find the first value of an axis with which a cell fails: RAM, vCPUs, a workload option
    ///
    /// Exit status: 0 one found, 1 none or several, 2 wrong usage, 3 the lab failed, 130 interrupted.
    Axis(AxisArgs),
    /// Find the smallest set of kernel options with which a cell fails, among those in which two configurations differ
    ///
    /// The same command with the same `--out` resumes a stopped search.
    ///
    /// Exit status: 0 found, 1 not, 2 wrong usage, 3 the lab failed, 130 interrupted.
    Config(ConfigArgs),
    /// Show the progress of a bisection
    Status(SessionArgs),
    /// Resume a stopped bisection
    Resume(ResumeArgs),
    /// Print a bisection in the format of `git bisect log`
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
    /// A good revision; may be given more than once
    #[arg(long, value_name = "REV", required = true)]
    pub good: Vec<String>,
    /// A bad revision
    #[arg(long, value_name = "REV")]
    pub bad: String,
    /// Run this command for sh as the trial, instead of a cell; it runs in a worktree, with the commit in OOMLAB_COMMIT and
    /// the number of the commit's trial, from 1, in OOMLAB_TRIAL
    #[arg(long, value_name = "CMD", conflicts_with_all = ["arch", "workload", "cell"])]
    pub exec: Option<String>,
    /// Kernel configuration: a name in `kernels/config/`, or a file; may be given more than once [default: that of the
    /// catalogue's kernels]
    #[arg(long, value_name = "NAME|FILE")]
    pub config: Vec<String>,
    #[command(flatten)]
    pub cell: CellArgs,
    #[command(flatten)]
    pub lab: LabArgs,
    /// Find the commit that fixed the failure: the bad end is older than the good one
    #[arg(long)]
    pub fix: bool,
    /// A command that takes longer is killed and counts as bad; without it, 12 hours end the search
    #[arg(long, value_name = "SECONDS", value_parser = seconds, requires = "exec")]
    pub timeout: Option<f64>,
    #[command(flatten)]
    pub search: SearchArgs,
}

/// Limits and output of a search.
#[derive(Debug, Clone, clap::Args)]
pub struct SearchArgs {
    /// Parallel trials; commands each have their own worktree [default: 1 command, or cells for all CPUs]
    #[arg(long, short, value_name = "N", value_parser = value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    /// Probability that the answer must reach
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.95)]
    pub sure: f64,
    /// Least failure rate to look for: a bad end whose trials exclude it counts as good [default: 0.1; versions and axis: 0.2]
    #[arg(long, value_name = "SHARE")]
    pub rate: Option<f64>,
    /// Stop after so many trials, with the answer known by then
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub max_trials: Option<u32>,
    /// Folder of the bisection [default: the next free bisections/<date>-<n>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the answer as one line of JSON; everything else goes to standard error
    #[arg(long)]
    pub json: bool,
}

/// The cell to try.
#[derive(Debug, Clone, clap::Args)]
pub struct CellArgs {
    /// The cell of an earlier trial, as in reports
    #[arg(long, value_name = "RUN/CELL", conflicts_with_all = ["arch", "workload", "append"], add = trials())]
    pub cell: Option<String>,
    /// Boot it with the further arguments of QEMU that the trial has
    #[arg(long, requires = "cell")]
    pub trust: bool,
    /// Architecture
    #[arg(long, value_parser = arch_parser())]
    pub arch: Option<Arch>,
    /// RAM, for example 32M
    #[arg(long, default_value = "128M")]
    pub ram: String,
    /// Workload; its options as `--option name=value`
    #[arg(long, add = workloads())]
    pub workload: Option<String>,
    /// Option of the workload
    #[arg(long = "option", value_name = "NAME=VALUE", requires = "workload")]
    pub workload_options: Vec<String>,
    #[command(flatten)]
    pub append: AppendArgs,
    /// Virtual CPUs
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    pub vcpus: u32,
    #[command(flatten)]
    pub timeouts: TimeoutArgs,
    #[command(flatten)]
    pub canary: CanaryArgs,
    /// Count only failures with the same title as the first failure of the bad end
    #[arg(long, conflicts_with_all = ["any_failure", "not_pass", "verdict"])]
    pub signature: bool,
    /// Count any hang, crash or failure to boot
    #[arg(long, conflicts_with_all = ["not_pass", "verdict"])]
    pub any_failure: bool,
    /// Count these, and a workload that fails or does not end: with too little RAM it cannot even start
    #[arg(long, conflicts_with = "verdict")]
    pub not_pass: bool,
    /// Count this verdict, for example hang/oom-livelock [default: the kind of the first failure of the bad end]
    #[arg(long, value_name = "VERDICT")]
    pub verdict: Option<VerdictPattern>,
}

/// Arguments of `oomlab bisect versions`.
#[derive(Debug, Clone, clap::Args)]
pub struct VersionsArgs {
    /// First version: 5.10, or a name of `oomlab kernel list`
    #[arg(long, value_name = "VERSION")]
    pub from: String,
    /// Last version; either of the two may be the failing one
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
    /// Axis: ram, vcpus, or option:NAME for a workload option
    #[arg(long)]
    pub axis: Axis,
    /// First value
    #[arg(long, value_name = "VALUE")]
    pub from: String,
    /// Last value; either of the two may be the failing one
    #[arg(long, value_name = "VALUE")]
    pub to: String,
    /// Distance of two values [default: 1, or 1M of RAM]
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Kernel of the catalogue
    #[arg(long, required_unless_present = "cell", add = kernels())]
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
    /// A good `.config`
    #[arg(long, value_name = "FILE")]
    pub good: PathBuf,
    /// A bad `.config`
    #[arg(long, value_name = "FILE")]
    pub bad: PathBuf,
    /// Kernel of the catalogue that is built from source
    #[arg(long, required_unless_present = "cell", add = kernels())]
    pub kernel: Option<String>,
    #[command(flatten)]
    pub cell: CellArgs,
    #[command(flatten)]
    pub lab: LabArgs,
    #[command(flatten)]
    pub search: SearchArgs,
}

/// A bisection.
#[derive(Debug, Clone, clap::Args)]
pub struct SessionArgs {
    /// Its folder [default: the latest in bisections/]
    #[arg(value_name = "DIR")]
    pub session: Option<PathBuf>,
}

/// Arguments of `oomlab bisect resume`.
#[derive(Debug, Clone, clap::Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    pub session: SessionArgs,
    /// From now on, look for failures of at least this rate, for example 0.01
    #[arg(long, value_name = "SHARE")]
    pub rate: Option<f64>,
    /// Print the answer as one line of JSON; everything else goes to standard error
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub lab: LabArgs,
}

/// Arguments of `oomlab step`.
#[derive(Debug, Clone, clap::Args)]
pub struct StepArgs {
    /// Probability that the answer must reach
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.95)]
    pub sure: f64,
    /// Failure rate of a bad revision, if known: 0.4 for four of ten trials
    #[arg(long, value_name = "SHARE")]
    pub rate: Option<f64>,
    /// Skip the revision after so many trials
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    pub max_trials: u32,
    /// A trial that takes longer is killed and counts as bad; without it, 12 hours end the test
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<f64>,
    /// The command that is a trial
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
}
