//! `oomlab export`: the shards of a matrix as jobs of a CI system.

mod gitlab;

use super::context::Context;
use super::costs;
use super::error::CliError;
use super::known::Catalogues;
use super::output;
use super::quarantine::QuarantineArgs;
use super::run::{read_known, repeat};
use super::shard::{Selection, minutes, selected};
use crate::host::Resources;
use crate::matrix::Purpose;
use crate::schedule::{Costs, MAX_SHARDS, Shard, partition, shards_within};
use clap::{Subcommand, value_parser};
use gitlab::Pipeline;
use model::{Cell, printable};
use serde::Serialize;
use std::path::PathBuf;

/// Maximum number of jobs of a matrix of GitHub Actions ("Workflow syntax", `jobs.<job_id>.strategy.matrix`).
const MAX_GITHUB: u32 = 256;

/// Time for kernels that are fetched or built, and for the runner itself.
const EXTRA_MINUTES: u64 = 30;

/// Arguments of `oomlab export`.
#[derive(Debug, Clone, clap::Args)]
pub struct ExportArgs {
    /// The CI system
    #[command(subcommand)]
    pub system: System,
}

/// CI systems.
#[derive(Debug, Clone, Subcommand)]
pub enum System {
    /// Print the matrix of a job of GitHub Actions as JSON; see `contrib/github/shards.yml`
    Github(Export),
    /// Print a child pipeline for GitLab: a job for each shard, and one that merges; see `contrib/gitlab/shards.yml`
    ///
    /// With `--costs`, the shards get that file from the job `plan` of the pipeline that `PARENT_PIPELINE_ID` names.
    Gitlab {
        #[command(flatten)]
        export: Export,
        /// File of the project that has the job `.oomlab`, which the jobs extend [default: an empty one]
        #[arg(long, value_name = "FILE")]
        include: Option<String>,
    },
}

/// What is divided, and into how many shards.
#[derive(Debug, Clone, clap::Args)]
#[command(group = clap::ArgGroup::new("number").required(true))]
pub struct Export {
    /// The matrix
    pub matrix: PathBuf,
    /// Number of shards
    #[arg(long, value_name = "N", group = "number", value_parser = value_parser!(u32).range(1..=i64::from(MAX_SHARDS)))]
    pub shards: Option<u32>,
    /// As few shards as take at most so long each
    #[arg(long, value_name = "N", group = "number", value_parser = value_parser!(u32).range(1..=100_000))]
    pub max_minutes: Option<u32>,
    /// How long the cells take: the costs.json of an earlier run [default: all take as long]
    #[arg(long, value_name = "FILE")]
    pub costs: Option<PathBuf>,
    /// CPUs for guests of a runner [default: those of this host]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub cpus: Option<u32>,
    /// Only cells that match
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Trials of each cell, in place of what the matrix says
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=100_000))]
    pub repeat: Option<u32>,
    #[command(flatten)]
    pub quarantine: QuarantineArgs,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Job {
    /// As `--shard` takes it.
    shard: String,
    /// Expected time of its trials.
    minutes: u64,
    /// When the CI system ends it.
    #[serde(rename = "timeout-minutes")]
    timeout_minutes: u64,
    /// Number of its cells.
    cells: usize,
}

#[derive(Serialize)]
struct JobMatrix {
    include: Vec<Job>,
}

/// Prints the jobs; returns the program's exit status.
///
/// # Errors
/// When the matrix, the filter or the costs are wrong, or there are too many shards.
pub(super) fn run(args: &ExportArgs, context: &Context) -> Result<u8, CliError> {
    match &args.system {
        System::Github(export) => {
            let jobs = export.jobs(context)?;
            if jobs.len() > MAX_GITHUB as usize {
                let count = jobs.len();
                return Err(CliError::Usage(format!(
                    "{count} shards: GitHub takes at most {MAX_GITHUB} jobs of a matrix; allow more minutes for each"
                )));
            }
            let json = serde_json::to_string(&JobMatrix { include: jobs }).map_err(std::io::Error::from)?;
            output::print(&format!("{json}\n"))?;
        }
        System::Gitlab { export, include } => {
            let jobs = export.jobs(context)?;
            let (arguments, has_costs, include) = (export.arguments()?, export.costs.is_some(), include.as_deref());
            output::print(&gitlab::pipeline(&Pipeline { jobs: &jobs, arguments: &arguments, has_costs, include }))?;
        }
    }
    Ok(0)
}

impl Export {
    fn jobs(&self, context: &Context) -> Result<Vec<Job>, CliError> {
        let catalogues = Catalogues::read(context, None)?;
        let shard = Some(Shard { number: 1, of: 1 });
        let selection = Selection { filter: self.filter.as_deref(), shard, costs: None };
        let mut plan = read_known(&self.matrix, &selection.known(&catalogues), context)?;
        repeat(&mut plan, self.repeat);
        self.quarantine.apply(&self.matrix, &mut plan, Purpose::Test, &catalogues, context)?;
        let part = selection.apply(plan, None)?.part;
        let cells = part.as_ref().map(selected).unwrap_or_default();
        let costs = self.costs.as_deref().map_or_else(|| Ok(Costs::default()), costs::read)?;
        let cpus = self.cpus.unwrap_or_else(|| Resources::of_host().cpus);
        let of = self.number_of_shards(&cells, &costs, cpus)?;
        let loads = partition(&cells, &costs, of);
        let job = |(at, load): (usize, &crate::schedule::Load<'_>)| {
            let minutes = (load.expected_s(cpus) / 60.0).ceil() as u64;
            let shard = Shard { number: at as u32 + 1, of }.to_string();
            Job { shard, minutes, timeout_minutes: 2 * minutes + EXTRA_MINUTES, cells: load.cells.len() }
        };
        Ok(loads.iter().enumerate().map(job).collect())
    }

    fn number_of_shards(&self, cells: &[Cell], costs: &Costs, cpus: u32) -> Result<u32, CliError> {
        let Some(max) = self.max_minutes else { return Ok(self.shards.unwrap_or(1)) };
        if let Some(of) = shards_within(cells, costs, cpus, 60.0 * f64::from(max)) {
            return Ok(of);
        }
        let all = |cell: &Cell| costs.trial_s(cell) * (f64::from(cell.repeat * cell.vcpus) / f64::from(cpus)).max(1.0);
        let longest = cells.iter().max_by(|one, other| all(one).total_cmp(&all(other)));
        let longest = longest.map_or_else(String::new, |cell| {
            format!(
                ": the trials of {} take about {} min, and are on one machine",
                printable(cell.id.as_str()),
                minutes(all(cell))
            )
        });
        Err(CliError::Usage(format!("no number of shards takes at most {max} min each{longest}")))
    }

    /// What `oomlab run` needs on each machine, as words of a shell.
    fn arguments(&self) -> Result<String, CliError> {
        let mut words = vec![self.matrix.display().to_string()];
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        self.filter.iter().for_each(|filter| option("--filter", filter.clone()));
        self.repeat.iter().for_each(|repeat| option("--repeat", repeat.to_string()));
        self.costs.iter().for_each(|costs| option("--costs", costs.display().to_string()));
        self.quarantine.quarantine.iter().for_each(|file| option("--quarantine", file.display().to_string()));
        if self.quarantine.no_quarantine {
            words.push("--no-quarantine".to_owned());
        }
        shlex::try_join(words.iter().map(String::as_str))
            .map_err(|_| CliError::Usage("a shell takes no words with a NUL byte".to_owned()))
    }
}
