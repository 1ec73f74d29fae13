//! Pages for a browser, of a run and of its trials.

use super::output::notify;
use super::parallel;
use crate::report::html::{Base, Observed, PAGE, RunPage, TrialPage, has_page, run_page, trial_page};
use crate::store::{Events, RunDir, StoreError, read_regular, read_trial, write_text};
use model::{Course, RunRecord, TrialRecord};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use watchdog::{Replay, Setup};

/// Maximum length of a console in bytes; the lab keeps 64 MiB of one.
const MAX_CONSOLE: u64 = 64 << 20;

/// Writes the page of a run, and one for each of its trials that failed or did not end as expected. What cannot be written is
/// reported: the run has its results without it.
pub(super) fn write(run: &RunDir) {
    if let Err(error) = write_trials(run) {
        notify(&format!("trials have no {PAGE}: {error}"));
    }
    write_run(run);
}

/// Writes the page of a run alone, as [`write`] does.
pub(super) fn write_run(run: &RunDir) {
    let file = run.path().join(PAGE);
    if let Err(error) = of_run(run, &file).and_then(|page| write_text(&file, &page)) {
        notify(&format!("the run has no {PAGE}: {error}"));
    }
}

fn write_trials(run: &RunDir) -> Result<(), StoreError> {
    let record = run.record()?;
    let trials: Vec<&TrialRecord> = record.trials.iter().filter(|trial| has_page(trial)).collect();
    let write = |trial: &&TrialRecord| {
        let folder = run.trial_folder(trial.cell.id.as_str(), trial.trial);
        let page = page_of(&folder, &record.dir, record.id.as_str(), trial, &Base::from_trial());
        page.and_then(|page| write_text(&folder.join(PAGE), &page))
    };
    let failed: Vec<StoreError> = parallel::map(&trials, write).into_iter().filter_map(Result::err).collect();
    if let Some(error) = failed.first() {
        notify(&format!("{} of {} trials have no {PAGE}: {error}", failed.len(), trials.len()));
    }
    Ok(())
}

/// The page of a run for a file elsewhere, or for the run's folder.
///
/// # Errors
/// When the run cannot be read.
pub(super) fn of_run(run: &RunDir, file: &Path) -> Result<String, StoreError> {
    let base = if is_in(file, run.path()) { Base::here() } else { elsewhere(run.path()) };
    page_of_run(run, &run.record()?, &base)
}

/// The page of a trial for a file elsewhere, or for the trial's folder.
///
/// # Errors
/// When the trial cannot be read.
pub(super) fn of_trial(folder: &Path, file: &Path) -> Result<String, StoreError> {
    let dir = folder.ancestors().nth(2).unwrap_or(folder);
    let base = if is_in(file, folder) { Base::from_trial() } else { elsewhere(dir) };
    let run = super::lookup::run_id(folder);
    page_of(folder, &dir.display().to_string(), run.as_str(), &read_trial(folder)?, &base)
}

fn page_of_run(run: &RunDir, record: &RunRecord, base: &Base) -> Result<String, StoreError> {
    let has_page = |trial: &&TrialRecord| run.trial_folder(trial.cell.id.as_str(), trial.trial).join(PAGE).is_file();
    let pages: BTreeSet<String> = record.trials.iter().filter(has_page).map(TrialRecord::folder).collect();
    let plan = run.plan()?;
    let trends = crate::history::trends_since_earlier_runs(run.path()).unwrap_or_else(|error| {
        // A run has its results without its history.
        notify(&format!("{PAGE} does not say what has changed: {error}"));
        None
    });
    let trends = trends.unwrap_or_default();
    Ok(run_page(&RunPage { run: record, plan: &plan, trends: &trends, base, pages: &pages }))
}

fn page_of(folder: &Path, run_dir: &str, run: &str, trial: &TrialRecord, base: &Base) -> Result<String, StoreError> {
    let (observed, course) = observe(&folder.join("events.jsonl"), trial)?;
    let path = folder.join("console.log");
    let console = match read_regular(&path, MAX_CONSOLE) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|source| StoreError::Read { path, source })?,
    };
    let Course { stages, kills, .. } = &course;
    let (observed, console) = (&observed, console.as_slice());
    Ok(trial_page(&TrialPage { run_dir, run, trial, stages, kills, observed, console, base }))
}

/// What the events say, and the stages that the watchdog sees in them. A trial that the lab could not start has none.
fn observe(path: &Path, trial: &TrialRecord) -> Result<(Observed, Course), StoreError> {
    let mut observed = Observed::default();
    let mut replay = Replay::new(Setup::of(&trial.cell));
    if path.exists() {
        for record in Events::open(path)? {
            let record = record?;
            observed.observe(&record);
            replay.observe(&record);
        }
    }
    Ok((observed, replay.finish()))
}

/// Whether a file is, or would be, in this folder.
fn is_in(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    matches!((parent.canonicalize(), folder.canonicalize()), (Ok(parent), Ok(folder)) if parent == folder)
}

fn elsewhere(dir: &Path) -> Base {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    Base::folder(&absolute.to_string_lossy())
}
