//! `oomlab compare`: two runs, cell by cell.

use super::completion::runs;
use super::error::CliError;
use super::output::{self, style};
use super::runs::{Indexes, notify_left_out};
use crate::history::{RunOfIndex, compare};
use crate::report;
use std::path::PathBuf;

/// Exit status when a cell is new or worse.
const EXIT_WORSE: u8 = 1;

/// Arguments of `oomlab compare`.
#[derive(Debug, Clone, clap::Args)]
pub struct CompareArgs {
    /// The run that is the basis: its name, the path of its folder, `latest`, or `latest~1`, the one of the same matrix before it
    #[arg(value_name = "OLD", add = runs())]
    pub old: String,
    /// The run that is judged by it
    #[arg(value_name = "NEW", add = runs())]
    pub new: String,
    /// Folder of the runs [default: `runs`, here or above]
    #[arg(long, value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// Print a JSON document; see `docs/files.md`
    #[arg(long)]
    pub json: bool,
}

/// Compares two runs; returns the program's exit status.
///
/// # Errors
/// When there is no such run.
pub fn run(args: &CompareArgs, color: bool) -> Result<u8, CliError> {
    let mut indexes = Indexes::of(args.runs.as_deref());
    let (old, new) = (indexes.find(&args.old)?, indexes.find(&args.new)?);
    let of_index = |run| RunOfIndex { index: indexes.index(run), run: &run.run };
    let comparison = compare(of_index(&old), of_index(&new))?
        .ok_or_else(|| CliError::Lab("the index does not have a run that it has listed".to_owned()))?;
    let left_out = indexes.left_out()?;
    if args.json {
        output::print_json(&report::history::comparison_json(&comparison, &left_out))?;
    } else {
        output::print(&report::history::comparison(&comparison, style(color)))?;
        notify_left_out(&left_out);
    }
    Ok(if comparison.is_worse() { EXIT_WORSE } else { 0 })
}
