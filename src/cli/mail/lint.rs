//! `oomlab report lint`.

use crate::cli::error::CliError;
use crate::cli::output::print;
use crate::report::mail::lint;
use crate::store::read_stream;
use model::printable;
use std::path::PathBuf;

/// Maximum length of a draft in bytes.
const MAX_DRAFT: u64 = 4 << 20;

/// Exit status with findings.
const EXIT_FOUND: u8 = 1;

/// Arguments of `oomlab report lint`.
#[derive(Debug, Clone, clap::Args)]
pub struct LintArgs {
    /// The draft
    #[arg(value_name = "FILE")]
    pub draft: PathBuf,
}

/// Checks a draft; returns the program's exit status.
///
/// # Errors
/// When it cannot be read.
pub fn lint(args: &LintArgs) -> Result<u8, CliError> {
    let path = &args.draft;
    let draft = read_stream(path, MAX_DRAFT)
        .map_err(|error| CliError::Usage(format!("cannot read {}: {error}", path.display())))?;
    let found = lint::lint(&draft);
    let file = printable(&path.display().to_string());
    let lines: String = found.iter().map(|one| format!("{file}:{}: {}\n", one.line, printable(&one.message))).collect();
    print(&lines)?;
    Ok(if found.is_empty() { 0 } else { EXIT_FOUND })
}
