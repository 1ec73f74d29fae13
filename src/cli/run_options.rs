//! Options of commands that run trials.

use super::guest_args::KeepArgs;
use super::slurm::SlurmArgs;
use crate::host::Resources;
use crate::schedule::Budget;
use std::path::PathBuf;

/// Resources of a run, and where its results go.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Run options")]
pub struct RunOptions {
    /// Parallel trials; overrides the CPU limit [default: as many as CPUs and memory admit]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// CPUs that guests may use [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: Option<u32>,
    /// Memory that guests may use, for example 4G [default: most of what is free]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<model::RamMib>,
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
    /// Program to run in place of QEMU
    #[arg(long, value_name = "PROGRAM", env = "OOMLAB_QEMU")]
    pub qemu: Option<PathBuf>,
    /// Folder where LTP is installed, for workloads that run its tests
    #[arg(long, value_name = "DIR", env = "OOMLAB_LTP")]
    pub ltp: Option<PathBuf>,
    /// Mirror of the Debian archive for kernels [default: the one that this host's apt uses]
    #[arg(long, env = "OOMLAB_DEBIAN_MIRROR", value_name = "URL")]
    pub mirror: Option<String>,
}

impl RunOptions {
    /// What guests get of the host.
    pub fn budget(&self, resources: &Resources) -> Budget {
        let all = resources.budget();
        Budget {
            cpus: self.cpus.unwrap_or(all.cpus),
            ram_mib: self.memory.map_or(all.ram_mib, |ram| u64::from(ram.0)),
            // Memory that the user gives counts whatever the guests may still touch.
            reserve_mib: all.reserve_mib.filter(|_| self.memory.is_none()),
            jobs: self.jobs,
            ..all
        }
    }
}

/// Where trials run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExecutorKind {
    /// In this process
    Local,
    /// Each in a process of its own
    Process,
    /// As tasks of Slurm job arrays
    Slurm,
}
