//! `oomlab report`: reports of a run that is over, or goes on.

use super::completion::trials;
use super::error::CliError;
use super::execute::{report_json, report_text};
use super::kcidb::KcidbArgs;
use super::lookup::{self, Recorded};
use crate::store::RunDir;
use std::path::PathBuf;

/// Arguments of `oomlab report`.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportArgs {
    /// The run: its name, or the path of its folder
    #[arg(add = trials())]
    pub run: String,
    /// Write the results as one JSON document; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    #[command(flatten)]
    pub kcidb: KcidbArgs,
}

/// Reports a run; returns the program's exit status, 0: that of the run is in its report.
///
/// # Errors
/// When there is no such run, or a file cannot be read or written.
pub fn run(args: &ReportArgs, color: bool) -> Result<u8, CliError> {
    let dir = match lookup::run_or_trial(&args.run)? {
        Recorded::Run(dir) => dir,
        Recorded::Trial(dir) => {
            let hint = "name its run; `oomlab replay` shows one trial";
            return Err(CliError::Usage(format!("{} is a trial: {hint}", dir.display())));
        }
    };
    let run = RunDir::open(&dir)?;
    args.kcidb.write(&run)?;
    report_text(&run, args.json.as_deref(), args.junit.as_deref(), color)?;
    report_json(&run, args.json.as_deref())?;
    Ok(0)
}
