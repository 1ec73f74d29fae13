//! `oomlab flaky`: cells that neither pass nor fail for certain.

use super::error::CliError;
use super::history::check_matrix;
use super::lookup;
use super::output::{self, style};
use super::runs::notify_left_out;
use crate::history::{Index, Keep};
use crate::report;
use std::path::PathBuf;

/// Arguments of `oomlab flaky`.
#[derive(Debug, Clone, clap::Args)]
pub struct FlakyArgs {
    /// Folder of the runs [default: `runs`, here or above]
    #[arg(long, value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// Only runs of this matrix
    #[arg(long, value_name = "NAME")]
    pub matrix: Option<String>,
    /// Print a JSON document; see `docs/files.md`
    #[arg(long)]
    pub json: bool,
}

/// Lists flaky cells; returns the program's exit status.
///
/// # Errors
/// When there are no runs, or none of that matrix.
pub fn run(args: &FlakyArgs, color: bool) -> Result<u8, CliError> {
    let index = Index::open(&lookup::runs_folder(args.runs.as_deref()), Keep::File)?;
    check_matrix(&index, args.matrix.as_deref())?;
    let (flaky, left_out) = (index.flaky(args.matrix.as_deref())?, index.left_out()?);
    if args.json {
        output::print_json(&report::history::flaky_json(&flaky, &left_out))?;
    } else {
        output::print(&report::history::flaky(&flaky, style(color)))?;
        notify_left_out(&left_out);
    }
    Ok(0)
}
