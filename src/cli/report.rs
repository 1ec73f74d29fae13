//! `oomlab report`: reports of a run that is over, or goes on; drafts of mails.

use super::completion::trials;
use super::context::Context;
use super::error::CliError;
use super::kcidb::KcidbArgs;
use super::lookup::{self, Recorded};
use super::mail::{self, LintArgs, MailArgs};
use super::output::{self, is_stdout, write_document};
use super::pages;
use crate::report;
use crate::store::RunDir;
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// Arguments of `oomlab report`.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ReportArgs {
    #[command(subcommand)]
    pub action: Option<ReportAction>,
    /// The run, or with `--html` also a trial, RUN/CELL: its name, the path of its folder, or `latest`
    #[arg(required = true, add = trials())]
    pub run: Option<String>,
    /// Write the results as one JSON document; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a page for a browser; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write which trial ran when, as a trace for <https://ui.perfetto.dev>
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    #[command(flatten)]
    pub kcidb: KcidbArgs,
}

/// Reports for people who do not have the run.
#[derive(Debug, Clone, Subcommand)]
pub enum ReportAction {
    /// Draft a mail to the kernel's lists about a failure; nothing is sent
    Mail(MailArgs),
    /// Check a draft that was edited
    ///
    /// Exit status: 0 nothing found, 1 something found, 2 the draft cannot be read.
    Lint(LintArgs),
}

/// Reports a run; returns the program's exit status, 0: that of the run is in its report.
///
/// # Errors
/// When there is no such run, or a file cannot be read or written.
pub fn run(
    args: &ReportArgs,
    context: impl FnOnce() -> Result<Context, CliError>,
    color: bool,
) -> Result<u8, CliError> {
    match &args.action {
        Some(ReportAction::Mail(args)) => return mail::run(args, &context()?),
        Some(ReportAction::Lint(args)) => return mail::lint(args),
        None => {}
    }
    let (json, html) = (args.json.as_deref(), args.html.as_deref());
    let on_stdout: Vec<&Path> =
        [json, html, args.trace.as_deref()].into_iter().flatten().filter(|path| is_stdout(path)).collect();
    if on_stdout.len() > 1 {
        let hint = "name a file for all but one of `--json`, `--html` and `--trace`";
        return Err(CliError::Usage(format!("standard output takes one document: {hint}")));
    }
    match lookup::run_or_trial(args.run.as_deref().unwrap_or_default())? {
        Recorded::Run(dir) => {
            let run = RunDir::open(&dir)?;
            args.kcidb.write(&run)?;
            report_text(&run, on_stdout.first().copied(), args.junit.as_deref(), color)?;
            report_json(&run, json)?;
            args.trace.as_deref().map_or(Ok(()), |file| write_document(file, &report::trace(&run.record()?)))?;
            html.map_or(Ok(()), |file| write_document(file, &pages::of_run(&run, file)?))?;
        }
        Recorded::Trial(dir) => {
            let others = [json, args.junit.as_deref(), args.trace.as_deref(), args.kcidb.kcidb.as_deref()];
            let Some(file) = html.filter(|_| others.iter().all(Option::is_none)) else {
                let hint =
                    "name its run; of one trial there are a page (`--html FILE`) and a mail (`oomlab report mail`)";
                return Err(CliError::Usage(format!("{} is a trial: {hint}", dir.display())));
            };
            write_document(file, &pages::of_trial(&dir, file)?)?;
        }
    }
    Ok(0)
}

/// Reports a run as text, and as JUnit if requested; returns the program's exit status. The text makes room for a JSON
/// report on standard output.
pub(super) fn report_text(
    run: &RunDir,
    json: Option<&Path>,
    junit: Option<&Path>,
    color: bool,
) -> Result<u8, CliError> {
    let record = run.record()?;
    if let Some(path) = junit {
        let xml = report::junit(&record).map_err(|error| CliError::Lab(format!("cannot make JUnit XML: {error}")))?;
        output::write_file(path, &xml)?;
    }
    let text = report::text(&record, output::style(color));
    match json {
        Some(path) if is_stdout(path) => output::print_err(&text),
        _ => print_report(&text, run),
    }
    Ok(record.exit_code())
}

/// Reports a run as JSON, if requested.
pub(super) fn report_json(run: &RunDir, path: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = path else { return Ok(()) };
    let json = report::json(&run.record()?);
    if is_stdout(path) { Ok(output::print_json(&json)?) } else { output::write_file(path, &json) }
}

/// An unreadable stdout does not change the exit status, which tells the verdicts.
fn print_report(text: &str, run: &RunDir) {
    if let Err(error) = output::write_stdout(text) {
        let kept = format!("the results are in {}", run.path().display());
        output::print_err(&format!("cannot write the report to standard output: {error}; {kept}\n"));
    }
}
