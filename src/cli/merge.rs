//! `oomlab merge`: several runs of one matrix become one.

use super::archive::OpenRun;
use super::completion::runs;
use super::costs;
use super::error::{CliError, EXIT_LAB};
use super::interrupt::stoppable;
use super::output::notify;
use super::pages;
use super::report::{report_json, report_text};
use crate::host::today;
use crate::merge::{MergeError, combine, read, write};
use crate::report;
use crate::store::RunDir;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Arguments of `oomlab merge`.
#[derive(Debug, Clone, clap::Args)]
pub struct MergeArgs {
    /// The runs: names, paths of their folders, or archives of `oomlab archive`
    #[arg(value_name = "RUN", required = true, add = runs())]
    pub runs: Vec<String>,
    /// Folder of the merged run [default: the next free runs/<date>-<n>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Learned durations of trials, to which those of the merged run are added: its costs.json has them also of cells that have not run
    #[arg(long, value_name = "FILE")]
    pub costs: Option<PathBuf>,
    /// Write the results as one JSON document; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// Merges runs and reports the result; returns its exit status.
///
/// # Errors
/// When there is no such run, the runs do not belong together, or the merged run cannot be written.
pub fn run(args: &MergeArgs, color: bool) -> Result<u8, CliError> {
    let args = args.clone();
    stoppable(move |cancel| merge(&args, color, cancel))
}

fn merge(args: &MergeArgs, color: bool, cancel: &CancellationToken) -> Result<u8, CliError> {
    let runs = args.out.as_deref().map_or_else(|| Path::new("runs"), parent);
    let known = args.costs.as_deref().map(costs::read).transpose()?;
    let is_new = !runs.exists();
    let opened = args.runs.iter().map(|text| OpenRun::find(text, runs, cancel)).collect::<Result<Vec<_>, _>>();
    let merged = opened.and_then(|opened| {
        let dirs: Vec<PathBuf> = opened.iter().map(|run| run.dir.clone()).collect();
        // The unpacked ones stay until they are merged.
        Ok((combine(&read(&dirs)?)?, opened))
    });
    let (merged, opened) = merged.inspect_err(|_| {
        // An empty `runs` would hide that of a folder above.
        let _ = is_new.then(|| std::fs::remove_dir(runs));
    })?;
    let reserved = if args.out.is_none() { Some(RunDir::reserve(runs, &today())?) } else { None };
    let out = args.out.clone().or(reserved.clone()).unwrap_or_default();
    let run = write(&merged, &out, cancel).inspect_err(|_| {
        // It is empty.
        let _ = reserved.as_ref().map(std::fs::remove_dir);
    })?;
    drop(opened);
    costs::write_merged(&run, known, &merged.part.whole);
    pages::write(&run);
    let code = report_text(&run, args.json.as_deref(), args.junit.as_deref(), color)?;
    report_json(&run, args.json.as_deref())?;
    let missing: usize = run.record()?.not_run.iter().map(|cell| cell.trials.len()).sum();
    if missing > 0 {
        let name = report::run_name(&run.path().display().to_string());
        notify(&format!(
            "{missing} trials have not run: merge the runs that have them, too, or `oomlab run --resume {name}` runs them here"
        ));
    }
    Ok(if missing > 0 && code == 0 { EXIT_LAB } else { code })
}

fn parent(out: &Path) -> &Path {
    out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl From<MergeError> for CliError {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::Store(error) => error.into(),
            MergeError::Write { .. } => Self::Lab(error.to_string()),
            error => Self::Usage(error.to_string()),
        }
    }
}
