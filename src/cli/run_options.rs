//! Options of commands that run trials.

use super::guest_args::KeepArgs;
use super::host_args::{HostArgs, LabArgs};
use super::slurm::SlurmArgs;
use std::path::PathBuf;

/// Resources of a run, and where its results go.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Run options")]
pub struct RunOptions {
    #[command(flatten)]
    pub host: HostArgs,
    /// Learned durations of trials, the costs.json of a run [default: those of earlier runs; shards: all cells take as long]
    #[arg(long, value_name = "FILE")]
    pub costs: Option<PathBuf>,
    /// Folder of the run [default: the next free runs/<date>-<n>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the results as one JSON document; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Keep the RAM of a guest that hung or crashed, compressed, for crash(8), unless it has more RAM than this
    #[arg(long, value_name = "MAX", num_args = 0..=1, require_equals = true, default_missing_value = "512M")]
    pub dump: Option<model::RamMib>,
    /// Collect diagnostics from each guest that hung or crashed, not only from the first one of a cell with a title
    #[arg(long)]
    pub diagnose_all: bool,
    #[command(flatten)]
    pub keep: KeepArgs,
    /// Print where the time went: stages of the kernel's build, boot, workload
    #[arg(long)]
    pub timings: bool,
    /// Where trials run: `local`, in this process; `process`, each in a process of its own; `slurm`, as tasks of Slurm job arrays,
    /// see `docs/slurm.md`
    #[arg(long, value_name = "WHERE", default_value = "local", hide_possible_values = true)]
    pub executor: ExecutorKind,
    #[command(flatten)]
    pub slurm: SlurmArgs,
    #[command(flatten)]
    pub lab: LabArgs,
}

/// Where trials run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ExecutorKind {
    /// In this process
    #[default]
    Local,
    /// Each in a process of its own
    Process,
    /// As tasks of Slurm job arrays
    Slurm,
}
