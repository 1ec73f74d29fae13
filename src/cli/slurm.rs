//! `--executor slurm`.

use super::error::CliError;
use super::run_options::{ExecutorKind, RunOptions};
use crate::lab::{LabError, MAX_QUEUED, Observer, SlurmExecutor, SlurmOptions};
use crate::schedule::{Budget, Costs};
use crate::slurm::{Settings, Slurm};
use crate::store::RunDir;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Options of `--executor slurm`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SlurmArgs {
    /// With `--executor slurm`: the partition of the jobs
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,
    /// With `--executor slurm`: the account of the jobs
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// With `--executor slurm`: a further option of `sbatch`, as `--slurm-arg=--qos=low`; may be given more than once
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub slurm_arg: Vec<String>,
}

/// The cluster, and what it admits.
pub(super) struct Cluster {
    slurm: Slurm,
    max_array: u32,
}

impl Cluster {
    /// The cluster that the options ask for; `None` for another executor.
    ///
    /// # Errors
    /// When options contradict each other, or Slurm does not answer.
    pub(super) async fn of(options: &RunOptions) -> Result<Option<Self>, CliError> {
        let args = &options.slurm;
        let wrong = |text: &str| Err(CliError::Usage(text.to_owned()));
        if options.executor != ExecutorKind::Slurm {
            let is_given = args.partition.is_some() || args.account.is_some() || !args.slurm_arg.is_empty();
            return if is_given {
                wrong("`--partition`, `--account` and `--slurm-arg` are for `--executor slurm`")
            } else {
                Ok(None)
            };
        }
        if options.host.cpus.is_some() || options.host.memory.is_some() {
            return wrong(
                "`--cpus` and `--memory` limit guests of this host: Slurm admits by what its nodes have; see `--jobs`",
            );
        }
        let settings = Settings::new(args.partition.clone(), args.account.clone(), args.slurm_arg.clone());
        let slurm = Slurm::new(settings.map_err(|error| CliError::Usage(error.to_string()))?);
        let max_array = slurm.max_array_size().await.map_err(LabError::from)?;
        Ok(Some(Self { slurm, max_array }))
    }

    /// What the lab admits: Slurm does it.
    pub(super) fn budget(&self) -> Budget {
        Budget { cpus: u32::MAX, ram_mib: u64::MAX, reserve_mib: None, jobs: Some(MAX_QUEUED), guests: u32::MAX }
    }

    /// The executor of a run, which divides trials into tasks by their costs.
    ///
    /// # Errors
    /// When the path of this program is unknown.
    pub(super) fn executor(
        self,
        jobs: Option<u32>,
        run: &RunDir,
        costs: Costs,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Result<SlurmExecutor, CliError> {
        let options = SlurmOptions {
            slurm: self.slurm,
            max_array: self.max_array,
            max_tasks: jobs,
            program: std::env::current_exe()?,
            costs,
        };
        Ok(SlurmExecutor::start(options, run, observer, cancel))
    }
}
