//! `oomlab nightly`: runs, what has changed since the nights before, bisections, retention, the user's hook.

mod bisections;
mod dry_run;
mod end;
mod mails;
mod night;
mod pages;
mod runs;

use super::context::Context;
use super::error::CliError;
use super::guest_args::KeepArgs;
use super::known::Catalogues;
use super::quarantine::QuarantineArgs;
use super::run::read;
use super::run_options::{ExecutorKind, RunOptions};
use crate::nightly::{NightlyConfig, StartError};
use crate::store::read_stream;
use model::{Digest, Plan};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// Maximum length of a configuration in bytes.
const MAX_CONFIG: u64 = 1 << 20;

/// Arguments of `oomlab nightly`.
#[derive(Debug, Clone, clap::Args)]
pub struct NightlyArgs {
    /// The configuration; see `docs/nightly.md`
    pub config: PathBuf,
    /// Only tell what the night would do
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
            out: None,
            json: None,
            junit: None,
            dump: None,
            diagnose_all: false,
            keep: KeepArgs { keep_on: Vec::new() },
            timings: false,
            executor: ExecutorKind::Local,
            qemu: self.qemu.clone(),
            ltp: self.ltp.clone(),
            mirror: self.mirror.clone(),
        }
    }
}

/// Carries a night out, or tells what it would do; returns the program's exit status.
///
/// # Errors
/// When the configuration or a matrix is wrong, another night goes on, or the night's folder cannot be written. What fails within a night
/// is part of its summary.
pub fn run(args: &NightlyArgs, context: &Context) -> Result<u8, CliError> {
    let path = args.config.display();
    let text = read_stream(&args.config, MAX_CONFIG)
        .map_err(|error| CliError::Usage(format!("cannot read the configuration {path}: {error}")))?;
    let config = NightlyConfig::read(&text, &args.config)?;
    // Everything that is wrong is told before the first guest boots.
    let catalogues = Catalogues::read(context, args.mirror.clone())?;
    let plans = config.matrices.iter().map(|matrix| quarantined(matrix, &config, &catalogues, context));
    let plans = plans.collect::<Result<Vec<Plan>, _>>()?;
    if args.dry_run {
        return dry_run::print(&config, &plans, &catalogues);
    }
    drop(catalogues);
    let digest = Digest::of_bytes(&Sha256::digest(&text));
    night::carry_out(&config, &digest, args.run_options(), context)
}

/// The plan of a matrix, with its quarantine.
///
/// # Errors
/// When anything in the files is wrong, or an entry of the quarantine has expired.
fn quarantined(
    matrix: &Path,
    config: &NightlyConfig,
    catalogues: &Catalogues,
    context: &Context,
) -> Result<Plan, CliError> {
    let mut plan = read(matrix, catalogues, context)?;
    let quarantine = QuarantineArgs { quarantine: config.quarantine.clone(), no_quarantine: false };
    quarantine.apply(matrix, &mut plan, false, catalogues, context)?;
    Ok(plan)
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::InUse { .. } => Self::Usage(error.to_string()),
            StartError::Store(_) | StartError::Io { .. } => Self::Lab(error.to_string()),
        }
    }
}
