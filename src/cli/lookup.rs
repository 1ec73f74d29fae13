//! Finding what is recorded by the name that a report gave it.

use super::error::CliError;
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

/// A run by its name or its folder's path, or a trial as [`trial`] finds it, also one that has not ended.
///
/// # Errors
/// When there is neither.
pub fn run_or_trial(text: &str) -> Result<Recorded, CliError> {
    let text = text.trim_end_matches('/');
    let is_run = |folder: &PathBuf| folder.join("run.json").is_file();
    let is_trial = |folder: &PathBuf| ["trial.json", "events.jsonl"].iter().any(|file| folder.join(file).is_file());
    let below_runs = runs_folders().into_iter().map(|runs| runs.join(text));
    let run = std::iter::once(PathBuf::from(text)).chain(below_runs).find(is_run).map(Recorded::Run);
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
    let runs = std::iter::once(PathBuf::from(run)).chain(below_runs).map(|run| run.join("cells").join(cell));
    std::iter::once(PathBuf::from(text)).chain(runs).collect()
}

/// The folder `runs` of the current folder, and those of the folders above it.
fn runs_folders() -> Vec<PathBuf> {
    let above = std::env::current_dir().unwrap_or_default();
    let above = above.ancestors().skip(1).map(|folder| folder.join("runs")).filter(|runs| runs.is_dir());
    std::iter::once(PathBuf::from("runs")).chain(above).collect()
}
