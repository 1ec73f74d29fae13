//! `oomlab batch`: the trials of one task of a Slurm job array, on its node.

use super::error::CliError;
use super::interrupt::{EXIT_INTERRUPTED, cancel_and_say};
use super::output::print_err;
use super::runtime::runtime;
use crate::host::allow_open_files;
use crate::lab::{BATCH_SCHEMA, Batch, SPEC_SCHEMA, TaskSignals, run_batch};
use crate::store::read_json;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `oomlab batch`.
#[derive(Debug, Clone, clap::Args)]
pub struct BatchArgs {
    /// The batch
    #[arg(value_name = "BATCH.json")]
    pub batch: PathBuf,
}

/// Runs the trials; returns the program's exit status, whatever the verdicts are.
///
/// # Errors
/// When the batch cannot be read, or the run's folder cannot be written.
pub(super) fn run(args: &BatchArgs) -> Result<u8, CliError> {
    let batch: Batch = read_json(&args.batch, BATCH_SCHEMA)?;
    if let Some(other) = batch.trials.iter().map(|trial| trial.spec.schema).find(|&schema| schema != SPEC_SCHEMA) {
        let program = std::env::current_exe()?;
        let text = format!("{} on this node reads specs of schema {SPEC_SCHEMA}", program.display());
        return Err(CliError::Lab(format!("{}: spec of schema {other}; {text}", args.batch.display())));
    }
    allow_open_files();
    // Slurm sets it: nodes need not be called as their hosts are.
    let own_name = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    let node = std::env::var("SLURMD_NODENAME").unwrap_or_else(|_| own_name());
    // QEMU is killed when the thread that spawned it ends: this one lives as long as the program.
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let signals = TaskSignals::default();
        let (mut user1, stop) = (signal(SignalKind::user_defined1())?, signals.stop.clone());
        tokio::spawn(async move {
            if user1.recv().await.is_some() {
                print_err("stopping for the lab\n");
                stop.cancel();
            }
        });
        cancel_and_say(signals.kill.clone(), "stopping\n")?;
        run_batch(&args.batch, &batch, &node, &signals).await.map_err(CliError::from)
    });
    runtime.shutdown_background();
    done.map(|is_complete| if is_complete { 0 } else { EXIT_INTERRUPTED })
}
