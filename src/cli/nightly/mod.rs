//! `oomlab nightly`: runs, what has changed since the nights before, bisections, retention, the user's hook.

mod bisections;
mod dry_run;
mod end;
mod mails;
mod night;
mod pages;
mod runs;
mod start;

pub use start::run;

use super::guest_args::KeepArgs;
use super::run_options::{ExecutorKind, RunOptions};
use super::slurm::SlurmArgs;
use std::path::PathBuf;

/// Arguments of `oomlab nightly`.
#[derive(Debug, Clone, clap::Args)]
pub struct NightlyArgs {
    /// The configuration; see `docs/nightly.md`
    pub config: PathBuf,
    /// Print what the night would do; run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Parallel trials; overrides the CPU limit [default: as many as CPUs and memory admit]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// CPUs that guests may use [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: Option<u32>,
    /// Memory that guests may use, for example 4G [default: most of what is free]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<model::RamMib>,
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

impl NightlyArgs {
    fn run_options(&self) -> RunOptions {
        RunOptions {
            jobs: self.jobs,
            cpus: self.cpus,
            memory: self.memory,
            costs: None,
            out: None,
            json: None,
            junit: None,
            dump: None,
            diagnose_all: false,
            keep: KeepArgs { keep_on: Vec::new() },
            timings: false,
            executor: ExecutorKind::Local,
            slurm: SlurmArgs::default(),
            qemu: self.qemu.clone(),
            ltp: self.ltp.clone(),
            mirror: self.mirror.clone(),
        }
    }
}
