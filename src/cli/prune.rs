//! `oomlab prune`: old runs lose evidence; their records stay.

use super::error::CliError;
use super::output::{notify, print_plain};
use super::pages;
use super::values::age;
use crate::history::{Index, Keep};
use crate::host::{ScratchDir, now};
use crate::report::html::PAGE;
use crate::retention::{OpenFailure, PrunedRun, PrunedRuns, Retention};
use crate::store::{RunDir, ThinningLevel};
use clap::ArgGroup;
use indicatif::HumanBytes;
use jiff::Timestamp;
use model::FailureHistory;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments of `oomlab prune`.
#[derive(Debug, Clone, clap::Args)]
#[command(group(ArgGroup::new("rule").required(true).multiple(true).args(["thin", "evidence"])))]
pub struct PruneArgs {
    /// Folder of the runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// In runs of this age, for example 30d, trials that were as expected lose console, events, bundle and dumps
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub thin: Option<Duration>,
    /// In runs of this age all trials lose them, except those that show a failure that is still open first and last, and the ends of
    /// bisections
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub evidence: Option<Duration>,
    /// Print what would be removed; remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Removes evidence; returns the program's exit status.
///
/// # Errors
/// When the folder of the runs cannot be read, or a run cannot be pruned; the others are.
pub fn run(args: &PruneArgs) -> Result<u8, CliError> {
    if !args.runs.is_dir() {
        let runs = args.runs.display();
        return Err(CliError::Usage(format!("there is no folder {runs}: name that of the runs with `--runs`")));
    }
    let retention = Retention { thin: args.thin, evidence: args.evidence };
    let pruned = prune(&args.runs, &retention, now(), args.dry_run)?;
    print_plain(&text(&pruned, args.dry_run))?;
    if pruned.failed.is_empty() {
        return Ok(0);
    }
    pruned.failed.iter().for_each(|(run, why)| notify(&format!("{run} is left as it is: {why}")));
    Err(CliError::Lab(format!("runs that could not be pruned: {}", pruned.failed.len())))
}

/// Removes evidence from the runs below a folder, by their ages at `now`.
///
/// # Errors
/// When the history or a record on which an open failure rests cannot be read: then nothing is removed.
pub(super) fn prune(runs: &Path, retention: &Retention, now: Timestamp, dry_run: bool) -> Result<PrunedRuns, CliError> {
    let pruned = crate::retention::prune(runs, retention, &open_failures(runs)?, now, dry_run)?;
    if !dry_run {
        ScratchDir::remove_abandoned(runs);
        // Their pages have links to files that are gone.
        let folders = pruned.runs.iter().map(|run| runs.join(run.id.as_str()));
        let with_page = folders.filter(|folder| folder.join(PAGE).is_file());
        with_page.filter_map(|folder| RunDir::open(&folder).ok()).for_each(|run| pages::write_run(&run));
    }
    Ok(pruned)
}

/// The failures that are not fixed, in any matrix.
fn open_failures(runs: &Path) -> Result<Vec<OpenFailure>, CliError> {
    let failed = |error: crate::history::HistoryError| CliError::Lab(error.to_string());
    let index = Index::open(runs, Keep::File).map_err(failed)?;
    let mut open = Vec::new();
    for cell in index.cells(None).map_err(failed)? {
        let Some(history) = index.cell(&cell).map_err(failed)? else { continue };
        for failure in history.failures.into_iter().filter(is_open) {
            let since = failure.segments.last().and_then(|segment| segment.since.as_ref());
            let since = since.map(|since| since.first.clone());
            open.push(OpenFailure { cell: history.cell.clone(), failure: Some(failure.failure), since });
        }
    }
    Ok(open)
}

/// Whether it is unexpected and the trials since its latest change have it. Its word is of the latest run alone, which may have no verdict,
/// and calls a rate below [`changepoint::Settings::flaky_min`] a pass.
fn is_open(failure: &FailureHistory) -> bool {
    !failure.expected && failure.segments.last().is_some_and(|present| present.rate.failures > 0)
}

/// A line for each run, and the total.
fn text(pruned: &PrunedRuns, dry_run: bool) -> String {
    let mut text = String::new();
    for PrunedRun { id, level, trials, bytes, kept } in &pruned.runs {
        let of = match level {
            ThinningLevel::Expected => "as expected",
            ThinningLevel::All => "all",
        };
        let kept = if *kept > 0 { format!(", {kept} keep theirs") } else { String::new() };
        let bytes = HumanBytes(*bytes).to_string();
        let _ = writeln!(text, "{id:<24} {bytes:>11}  trials: {trials} ({of}){kept}");
    }
    text + &total(pruned, dry_run)
}

/// `freed 1.20 GiB of 3 runs`, ending in a newline.
pub(super) fn total(pruned: &PrunedRuns, dry_run: bool) -> String {
    let freed = if dry_run { "would free" } else { "freed" };
    let runs = pruned.runs.len();
    let runs = if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
    format!("{freed} {} of {runs}\n", HumanBytes(pruned.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use changepoint::{Expectation, Position, Settings, Trend, assess, segments};
    use model::{Failure, Kind, RateInterval, RateSegment};

    /// The word for a failure of these runs, each with its failures and passes, and whether it is open.
    fn seen(expected: bool, runs: &[(u32, u32)]) -> (Trend, bool) {
        let position = |(failures, passes): &(u32, u32)| Position { failures: *failures, passes: *passes };
        let positions: Vec<Position> = runs.iter().map(position).collect();
        let rate =
            |tally: Position| RateInterval { failures: tally.failures, trials: tally.trials(), low: 0.0, high: 1.0 };
        let segment = |tally| RateSegment { rate: rate(tally), since: None, differs: Vec::new() };
        let found = segments(&positions, &Settings::default());
        let trend = assess(&positions, Expectation::Pass, &Settings::default()).trend;
        let failure = FailureHistory {
            failure: Failure { kind: Kind::OomLivelock, title: None },
            expected,
            failures: positions.iter().map(|position| position.failures).collect(),
            trend,
            trials_to_decide: None,
            segments: found.into_iter().map(|segment_of| segment(segment_of.tally)).collect(),
        };
        (trend, is_open(&failure))
    }

    #[test]
    fn failure_is_open_while_its_present_rate_is_above_zero() {
        let green = [(0, 3); 60];
        let red = [green.as_slice(), &[(3, 0); 4]].concat();
        assert_eq!(seen(false, &red), (Trend::StillFailing, true));
        assert!(!seen(true, &red).1);
        let without_verdict = [red.as_slice(), &[(0, 0)]].concat();
        assert_eq!(seen(false, &without_verdict), (Trend::NotRun, true));
        let fixed = [red.as_slice(), &[(0, 3); 20]].concat();
        assert_eq!(seen(false, &fixed), (Trend::Passing, false));
        assert_eq!(seen(false, &[fixed.as_slice(), &[(0, 0)]].concat()), (Trend::NotRun, false));
        let rare = [green.as_slice(), &[(1, 2)], &green].concat();
        assert_eq!(seen(false, &rare), (Trend::Passing, true));
    }
}
