//! Finding what is recorded by the name that a report gave it.

use super::error::CliError;
use crate::store::{RunDir, StoreError};
use model::RunId;
use std::path::{Path, PathBuf};

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// The folder of a run.
    Run(PathBuf),
    /// The folder of a trial.
    Trial(PathBuf),
}

/// The folder of a finished trial: `RUN/CELL` as reports print it, looked for as a path and below `runs`, here and in the
/// folders above; or the folder's path.
///
/// # Errors
/// When there is none.
pub fn trial(text: &str) -> Result<PathBuf, CliError> {
    trial_candidates(text).into_iter().find(|folder| folder.join("trial.json").is_file()).ok_or_else(|| {
        let text = text.trim_end_matches('/');
        CliError::Usage(format!(
            "there is no trial `{text}` in `runs`, here or above: write RUN/CELL as the report printed it, or the path of the \
             trial's folder"
        ))
    })
}

/// The name of the run that began last.
pub const LATEST: &str = "latest";

/// The folder of a run: its name, looked for below `runs`, here and in the folders above; `latest` or `latest~N`; or the folder's path.
///
/// # Errors
/// When there is none.
pub fn run(text: &str) -> Result<PathBuf, CliError> {
    let text = text.trim_end_matches('/');
    run_folder(text).ok_or_else(|| {
        CliError::Usage(format!(
            "there is no run `{text}` in `runs`, here or above: write RUN as the report printed it, or the path of its folder"
        ))
    })
}

/// The run that began last, of those in the nearest folder `runs` that can be read and that `is_wanted` says to be meant.
pub fn latest_run(is_wanted: impl Fn(&RunDir) -> Result<bool, StoreError>) -> Option<PathBuf> {
    latest_runs(&nearest_runs()?, is_wanted).next()
}

fn nearest_runs() -> Option<PathBuf> {
    runs_folders().into_iter().find(|runs| runs.is_dir())
}

/// The wanted runs in a folder, the latest first.
fn latest_runs<F>(runs: &Path, is_wanted: F) -> impl Iterator<Item = PathBuf> + use<F>
where
    F: Fn(&RunDir) -> Result<bool, StoreError>,
{
    let folders = runs.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let began = |dir: PathBuf| {
        let run = RunDir::open(&dir).ok()?;
        // Runs that began in one second are told apart by `<date>-<n>`.
        let number = dir.to_string_lossy().rsplit_once('-').and_then(|(_, number)| number.parse::<u32>().ok());
        Some(((run.head().ok()?.started, number), run))
    };
    let mut found: Vec<_> = folders.filter_map(began).collect();
    found.sort_by(|(one, _), (other, _)| other.cmp(one));
    let wanted = found.into_iter().map(|(_, run)| run).filter(move |run| is_wanted(run).unwrap_or(false));
    wanted.map(|run| run.path().to_owned())
}

/// The run that `latest` names, or `latest~N`: the Nth run of the same matrix before it.
fn named_latest(text: &str) -> Option<PathBuf> {
    latest_of(&nearest_runs()?, text)
}

fn latest_of(runs: &Path, text: &str) -> Option<PathBuf> {
    let rest = text.strip_prefix(LATEST)?;
    let back: usize = if rest.is_empty() { 0 } else { rest.strip_prefix('~')?.parse().ok()? };
    let latest = latest_runs(runs, |_| Ok(true)).next()?;
    let matrix = RunDir::open(&latest).ok()?.head().ok()?.name;
    latest_runs(runs, |run| Ok(run.head()?.name == matrix)).nth(back)
}

fn run_folder(text: &str) -> Option<PathBuf> {
    if let Some(latest) = named_latest(text) {
        return Some(latest);
    }
    let below_runs = runs_folders().into_iter().map(|runs| runs.join(text));
    std::iter::once(PathBuf::from(text)).chain(below_runs).find(|folder| folder.join("run.json").is_file())
}

/// A run as [`run`] finds it, or a trial as [`trial`] finds it, also one that has not ended.
///
/// # Errors
/// When there is neither.
pub fn run_or_trial(text: &str) -> Result<Recorded, CliError> {
    let text = text.trim_end_matches('/');
    let is_trial = |folder: &PathBuf| ["trial.json", "events.jsonl"].iter().any(|file| folder.join(file).is_file());
    let run = run_folder(text).map(Recorded::Run);
    run.or_else(|| trial_candidates(text).into_iter().find(is_trial).map(Recorded::Trial)).ok_or_else(|| {
        CliError::Usage(format!(
            "there is no run or trial `{text}` in `runs`, here or above: write RUN or RUN/CELL as the report printed it, or the \
             path of its folder"
        ))
    })
}

/// The run of a trial's folder, `RUN/cells/CELL`; `run` where the path does not tell.
pub fn run_id(folder: &Path) -> RunId {
    RunId::new(folder.ancestors().nth(2).and_then(Path::file_name).map_or("run".into(), |name| name.to_string_lossy()))
}

fn trial_candidates(text: &str) -> Vec<PathBuf> {
    let text = text.trim_end_matches('/');
    let (run, cell) = text.rsplit_once('/').unwrap_or(("", text));
    let below_runs = runs_folders().into_iter().map(|runs| runs.join(run));
    let latest = named_latest(run);
    let runs = latest
        .into_iter()
        .chain(std::iter::once(PathBuf::from(run)))
        .chain(below_runs)
        .map(|run| run.join("cells").join(cell));
    std::iter::once(PathBuf::from(text)).chain(runs).collect()
}

/// The folder of the runs: the one that the user has named, else the first `runs`, here or above.
pub fn runs_folder(named: Option<&Path>) -> PathBuf {
    let first = || runs_folders().into_iter().find(|runs| runs.is_dir()).unwrap_or_else(|| PathBuf::from("runs"));
    named.map_or_else(first, Path::to_owned)
}

/// The folder `runs` of the current folder, and those of the folders above it.
fn runs_folders() -> Vec<PathBuf> {
    let above = std::env::current_dir().unwrap_or_default();
    let above = above.ancestors().skip(1).map(|folder| folder.join("runs")).filter(|runs| runs.is_dir());
    std::iter::once(PathBuf::from("runs")).chain(above).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{PLAN_SCHEMA, Plan};

    #[test]
    fn latest_counts_back_over_runs_of_its_matrix() {
        let runs = tempfile::tempdir().unwrap();
        for (hour, matrix) in ["a", "b", "a"].into_iter().enumerate() {
            let plan = Plan { schema: PLAN_SCHEMA, name: matrix.to_owned(), cells: Vec::new(), skipped: Vec::new() };
            let (folder, started) = (runs.path().join(format!("run-{hour}")), format!("2026-11-24T0{hour}:00:00Z"));
            RunDir::create(Some(&folder), runs.path(), "", &plan, &started).unwrap();
        }
        let found = |text| latest_of(runs.path(), text).map(|dir| dir.file_name().unwrap().to_owned());
        assert_eq!(found("latest"), Some("run-2".into()));
        assert_eq!(found("latest~0"), Some("run-2".into()));
        assert_eq!(found("latest~1"), Some("run-0".into()));
        for text in ["latest~2", "latest~", "latest~x", "latest1", "run-0"] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
