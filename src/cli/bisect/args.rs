//! What can be typed.

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
    /// The trial: a command for sh; it runs in a worktree, with the commit in OOMLAB_COMMIT and the number of its trial, from 1,
    /// in OOMLAB_TRIAL
    #[arg(long, value_name = "CMD")]
    pub exec: String,
    /// Look for the commit that repaired it: the bad end is then older than the good one
    #[arg(long)]
    pub fix: bool,
    /// Trials at a time, each in a worktree of its own
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=256))]
    pub jobs: u32,
    /// Seconds after which a trial is ended and counts as bad
    #[arg(long, value_name = "SECONDS", value_parser = super::super::args::seconds)]
    pub timeout: Option<f64>,
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
    /// Seconds after which a trial is ended and counts as bad
    #[arg(long, value_name = "SECONDS", value_parser = super::super::args::seconds)]
    pub timeout: Option<f64>,
    /// The trial
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
}
