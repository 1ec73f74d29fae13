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

use super::host_args::{HostArgs, LabArgs};
use super::run_options::RunOptions;
use std::path::PathBuf;

/// Arguments of `oomlab nightly`.
#[derive(Debug, Clone, clap::Args)]
pub struct NightlyArgs {
    /// The configuration; see `docs/nightly.md`
    pub config: PathBuf,
    /// Print what the night would do; run nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub host: HostArgs,
    #[command(flatten)]
    pub lab: LabArgs,
}

impl NightlyArgs {
    fn run_options(&self) -> RunOptions {
        RunOptions { host: self.host.clone(), lab: self.lab.clone(), ..RunOptions::default() }
    }
}
