//! `oomlab report`: reports of a run that is over, or goes on.

use super::completion::trials;
use super::error::CliError;
use super::execute::{is_stdout, report_json, report_text};
use super::kcidb::KcidbArgs;
use super::lookup::{self, Recorded};
use super::output::{print, write_file};
use super::pages;
use crate::store::RunDir;
use std::path::{Path, PathBuf};

/// Arguments of `oomlab report`.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportArgs {
    /// The run, or with `--html` also a trial, RUN/CELL: its name, or the path of its folder
    #[arg(add = trials())]
    pub run: String,
    /// Write the results as one JSON document; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a page for a browser; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    #[command(flatten)]
    pub kcidb: KcidbArgs,
}

/// Reports a run; returns the program's exit status, 0: that of the run is in its report.
///
/// # Errors
/// When there is no such run, or a file cannot be read or written.
pub fn run(args: &ReportArgs, color: bool) -> Result<u8, CliError> {
    let (json, html) = (args.json.as_deref(), args.html.as_deref());
    let on_stdout: Vec<&Path> = [json, html].into_iter().flatten().filter(|path| is_stdout(path)).collect();
    if on_stdout.len() > 1 {
        let hint = "name a file for one of `--json` and `--html`";
        return Err(CliError::Usage(format!("standard output takes one document: {hint}")));
    }
    match lookup::run_or_trial(&args.run)? {
        Recorded::Run(dir) => {
            let run = RunDir::open(&dir)?;
            args.kcidb.write(&run)?;
            report_text(&run, on_stdout.first().copied(), args.junit.as_deref(), color)?;
            report_json(&run, json)?;
            html.map_or(Ok(()), |file| write(file, &pages::of_run(&run, file)?))?;
        }
        Recorded::Trial(dir) => {
            let Some(file) = html.filter(|_| json.is_none() && args.junit.is_none() && args.kcidb.kcidb.is_none())
            else {
                let hint = "name its run; of one trial there is a page (`--html FILE`), and `oomlab replay` shows it";
                return Err(CliError::Usage(format!("{} is a trial: {hint}", dir.display())));
            };
            write(file, &pages::of_trial(&dir, file)?)?;
        }
    }
    Ok(0)
}

fn write(file: &Path, page: &str) -> Result<(), CliError> {
    if is_stdout(file) { print(page) } else { write_file(file, page) }
}
