//! Finding what is recorded by the name that a report gave it.

use super::error::CliError;
use std::path::{Path, PathBuf};

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// The folder of a run.
    Run(PathBuf),
    /// The folder of a trial.
    Trial(PathBuf),
}

/// The folder of a finished trial: `RUN/CELL` as reports print it, looked for below `runs` and as a path; or the folder's path.
///
/// # Errors
/// When there is none.
pub fn trial(text: &str) -> Result<PathBuf, CliError> {
    trial_candidates(text).into_iter().find(|folder| folder.join("trial.json").is_file()).ok_or_else(|| {
        let text = text.trim_end_matches('/');
        CliError::Usage(format!(
            "there is no trial `{text}`: write RUN/CELL as the report printed it, or the path of the trial's folder"
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
    let run = [PathBuf::from(text), Path::new("runs").join(text)].into_iter().find(is_run).map(Recorded::Run);
    run.or_else(|| trial_candidates(text).into_iter().find(is_trial).map(Recorded::Trial)).ok_or_else(|| {
        CliError::Usage(format!(
            "there is no run or trial `{text}`: write RUN or RUN/CELL as the report printed it, or the path of its folder"
        ))
    })
}

fn trial_candidates(text: &str) -> [PathBuf; 3] {
    let text = text.trim_end_matches('/');
    let (run, cell) = text.rsplit_once('/').unwrap_or(("", text));
    [PathBuf::from(text), Path::new(run).join("cells").join(cell), Path::new("runs").join(run).join("cells").join(cell)]
}
