//! `oomlab classify`: the reports in a console log.

use super::error::{CliError, EXIT_USAGE};
use super::output::{broken, print, print_err, print_json};
use crate::store::open_stream;
use kmsg::TaskRef;
use kmsg::signature::{Classification, Log, ReportKind};
use model::printable;
use serde::Serialize;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Arguments of `oomlab classify`.
#[derive(Debug, Clone, clap::Args)]
pub struct ClassifyArgs {
    /// Console logs, `dmesg` output or syslog files; `-` for standard input [default: standard input]
    pub files: Vec<PathBuf>,
    /// Print one JSON object a line, a file each; see `docs/classify.md`
    #[arg(long)]
    pub json: bool,
}

/// Bytes that are read at a time.
const CHUNK: usize = 256 * 1024;

/// One line of `--json`.
#[derive(Serialize)]
struct Answer<'a> {
    /// The file's name as it was typed.
    file: String,
    #[serde(flatten)]
    found: &'a Classification,
}

/// Prints the classification of each log; returns the program's exit status.
///
/// # Errors
/// When stdout cannot be written. A log that cannot be read is reported, and the others are still read.
pub fn run(args: &ClassifyArgs, color: bool) -> Result<u8, CliError> {
    let stdin = [PathBuf::from("-")];
    let files = if args.files.is_empty() { &stdin[..] } else { &args.files };
    let mut code = 0;
    for file in files {
        match read(file) {
            Ok(found) if args.json => {
                let answer = Answer { file: file.display().to_string(), found: &found };
                let line = serde_json::to_string(&answer).map_err(|error| CliError::Lab(error.to_string()))?;
                print_json(&(line + "\n"))?;
            }
            Ok(found) => print(&broken(&describe(file, &found, color), &console::Term::stdout()))?,
            Err(error) => {
                let error = CliError::Usage(format!("cannot read {}: {error}", file.display()));
                print_err(&error.render(color));
                code = EXIT_USAGE;
            }
        }
    }
    Ok(code)
}

fn read(file: &Path) -> std::io::Result<Classification> {
    let mut input: Box<dyn Read> =
        if file == Path::new("-") { Box::new(std::io::stdin().lock()) } else { open_stream(file)? };
    let mut log = Log::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        match input.read(&mut chunk) {
            Ok(0) => return Ok(log.finish()),
            Ok(length) => log.push(&chunk[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The classification as text for a terminal.
fn describe(file: &Path, found: &Classification, color: bool) -> String {
    let style = |style: console::Style| style.force_styling(color);
    let name = style(console::Style::new().bold()).apply_to(printable(&file.display().to_string()));
    let mut text = match found.kind {
        ReportKind::None => format!("{name}: none\n"),
        kind => {
            format!("{name}: {}\n", style(console::Style::new().red()).apply_to(describe_report(kind, &found.title)))
        }
    };
    let mut row = |what: &str, value: String| text += &format!("  {what:8}{value}\n");
    if let (Some(first), Some(last)) = (found.line, found.last_line) {
        row("lines", if first == last { first.to_string() } else { format!("{first}–{last}") });
    }
    if let Some(victim) = &found.victim {
        row("victim", describe_task(victim));
    }
    if let Some(task) = &found.task {
        row("task", describe_task(task));
    }
    for other in found.reports.iter().filter(|other| Some(other.report.line) != found.line) {
        let often = if other.count > 1 { format!(" ({} times)", other.count) } else { String::new() };
        let report = &other.report;
        let name = if report.provoked { "sysrq" } else { "also" };
        row(name, format!("{}, line {}{often}", describe_report(report.kind, &report.title), report.line));
    }
    text
}

/// `kind: title`; the title alone if it begins with its kind.
fn describe_report(kind: ReportKind, title: &str) -> String {
    let title = printable(title);
    if title.starts_with(&format!("{kind}: ")) { title } else { format!("{kind}: {title}") }
}

fn describe_task(task: &TaskRef) -> String {
    let comm = printable(&task.comm);
    task.pid.map_or(comm.clone(), |pid| format!("{comm} ({pid})"))
}
