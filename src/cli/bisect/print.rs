//! Answers, reports and states of bisections, on standard output.

use super::status::status_lines;
use crate::bisection::{OptionsAnswer, Report, SearchOutcome, Session, Summary, git_log};
use crate::cli::error::CliError;
use crate::cli::interrupt::EXIT_INTERRUPTED;
use crate::cli::output;
use crate::kernel::Difference;
use bisect::Answer;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Exit status without a single culprit.
const EXIT_NOT_FOUND: u8 = 1;

/// Prints an answer; returns the program's exit status.
pub(super) fn outcome(outcome: &SearchOutcome, as_json: bool) -> Result<u8, CliError> {
    let SearchOutcome { session, answer } = outcome;
    let Some(answer) = answer else { return Ok(EXIT_INTERRUPTED) };
    let text = findings(session);
    if as_json {
        output::notify(text.trim_end());
        let summary = serde_json::to_string(&Summary::new(&session.search, answer, &relative(session.path())))
            .map_err(std::io::Error::from)?;
        output::print_json(&format!("{summary}\n"))?;
    } else {
        output::print_plain(&text)?;
    }
    Ok(if matches!(answer, Answer::Culprit { .. }) { 0 } else { EXIT_NOT_FOUND })
}

/// The report without the trials, and the path of all of it.
pub(super) fn findings(session: &Session) -> String {
    let findings = Report::new(&session.search, &relative(session.path())).findings;
    format!("{findings}\nall trials: {}\n", relative(&session.report_path()).display())
}

/// Prints kernel options; returns the program's exit status.
pub(super) fn options(answer: &OptionsAnswer, as_json: bool) -> Result<u8, CliError> {
    let OptionsAnswer { needed, unanswered, probability, rounds, trials, builds, seconds } = answer;
    if let Some(report) = unanswered {
        output::notify(report.findings.trim_end());
    }
    let is_complete = unanswered.is_none();
    if as_json {
        let option = |one: &Difference| json!({ "name": one.name, "good": one.old, "bad": one.new });
        let options: Vec<Value> = needed.iter().map(option).collect();
        let probability = if is_complete { *probability } else { 0.0 };
        let value = json!({
            "options": options, "probability": probability, "rounds": rounds, "trials": trials, "builds": builds,
            "seconds": seconds,
        });
        output::print_json(&format!("{value}\n"))?;
    } else {
        let mut text = if is_complete { "fails with\n" } else { "found so far:\n" }.to_owned();
        for Difference { name, old, new } in needed {
            text += &format!("  {name}={new} (was {old})\n");
        }
        output::print_plain(&format!("{text}{trials} trials of {builds} configurations in {rounds} rounds\n"))?;
    }
    Ok(if is_complete { 0 } else { EXIT_NOT_FOUND })
}

/// Prints the state of a session.
pub(super) fn status(dir: &Path) -> Result<u8, CliError> {
    let lines = status_lines(&Session::read(dir)?, output::style(false).width);
    output::print_plain(&format!("{}\n{}\n", dir.display(), lines.join("\n"))).map(|()| 0)
}

/// Prints a session for `git bisect replay`.
pub(super) fn log(dir: &Path) -> Result<u8, CliError> {
    output::print_plain(&git_log(&Session::read(dir)?)).map(|()| 0)
}

/// Prints the report of a session.
pub(super) fn report(dir: &Path) -> Result<u8, CliError> {
    output::print_plain(&Report::new(&Session::read(dir)?, dir).to_string()).map(|()| 0)
}

/// A path relative to the current folder.
pub(super) fn relative(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}
