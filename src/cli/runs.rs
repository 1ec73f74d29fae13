//! Runs by the names that a user gives them, and the indexes that have them.

use super::error::CliError;
use super::lookup;
use super::output;
use crate::diagnostic::{did_you_mean, listed};
use crate::history::{HistoryError, Index, IndexedRun, Keep};
use model::{LeftOut, RunId};
use std::path::{Path, PathBuf};

/// The indexes that a command needs; most need one.
pub(super) struct Indexes {
    runs: PathBuf,
    open: Vec<Index>,
}

/// A run: its index among the opened ones, and its name.
pub(super) struct FoundRun {
    index: usize,
    pub run: RunId,
}

impl Indexes {
    /// Of the runs in `named`, else in `runs`, here or above.
    pub fn of(named: Option<&Path>) -> Self {
        Self { runs: lookup::runs_folder(named), open: Vec::new() }
    }

    /// The index of a run.
    pub fn index(&self, run: &FoundRun) -> &Index {
        &self.open[run.index]
    }

    /// The runs that cannot be read.
    ///
    /// # Errors
    /// When an index is damaged.
    pub fn left_out(&self) -> Result<Vec<LeftOut>, CliError> {
        let mut left_out = Vec::new();
        for index in &self.open {
            left_out.extend(index.left_out()?);
        }
        Ok(left_out)
    }

    /// A run by its name, the path of its folder, `latest`, or `latest~N`: so many runs of the same matrix before it.
    ///
    /// # Errors
    /// When there is no such run, or its files cannot be read.
    pub fn find(&mut self, text: &str) -> Result<FoundRun, CliError> {
        let folder = Path::new(text);
        if folder.join("run.json").is_file() {
            let here = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
            let name = here.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let index = self.beside(&here)?;
            return self.named(index, &name);
        }
        let index = self.runs_index()?;
        let back = match text.strip_prefix("latest") {
            Some("") => Some(0),
            Some(rest) => rest.strip_prefix('~').and_then(|number| number.parse::<usize>().ok()),
            None => None,
        };
        match back {
            Some(back) => self.latest(index, back),
            None => self.named(index, text.trim_end_matches('/')),
        }
    }

    fn latest(&self, index: usize, back: usize) -> Result<FoundRun, CliError> {
        let runs = self.open[index].runs()?;
        let latest = runs.first().map(|run| run.matrix.clone());
        let of_matrix: Vec<IndexedRun> = runs.into_iter().filter(|run| Some(&run.matrix) == latest.as_ref()).collect();
        let found = of_matrix.get(back).ok_or_else(|| {
            CliError::Usage(format!("there are {} runs of that matrix in {}", of_matrix.len(), self.runs.display()))
        });
        Ok(FoundRun { index, run: found?.run.clone() })
    }

    fn named(&self, index: usize, name: &str) -> Result<FoundRun, CliError> {
        let opened = &self.open[index];
        let runs = opened.runs()?;
        if runs.iter().any(|run| run.run.as_str() == name) {
            return Ok(FoundRun { index, run: RunId::new(name) });
        }
        if let Some(left_out) = opened.left_out()?.into_iter().find(|one| one.run.as_str() == name) {
            return Err(CliError::Usage(format!("the run `{name}` cannot be read: {}", left_out.reason)));
        }
        let names = || runs.iter().map(|run| run.run.as_str());
        let hint = did_you_mean(name, names()).unwrap_or_else(|| match runs.is_empty() {
            true => "there is none".to_owned(),
            false => format!("there are {}", listed(names())),
        });
        Err(CliError::Usage(format!("there is no run `{name}` in {}: {hint}", opened.folder().display())))
    }

    /// The index of the folder `runs`.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn runs_index(&mut self) -> Result<usize, CliError> {
        let is_open = |index: &Index| index.folder() == self.runs;
        if let Some(at) = self.open.iter().position(is_open) {
            return Ok(at);
        }
        self.open.push(Index::open(&self.runs, Keep::File)?);
        Ok(self.open.len() - 1)
    }

    fn beside(&mut self, run: &Path) -> Result<usize, CliError> {
        let parent = run.parent();
        let is_open = |index: &Index| index.folder().canonicalize().ok().as_deref() == parent;
        if let Some(at) = self.open.iter().position(is_open) {
            return Ok(at);
        }
        self.open.push(Index::beside(run)?);
        Ok(self.open.len() - 1)
    }
}

/// Tells of runs that are left out.
pub(super) fn notify_left_out(left_out: &[LeftOut]) {
    for LeftOut { run, reason } in left_out {
        output::notify(&format!("left out: {run}: {reason}"));
    }
}

impl From<HistoryError> for CliError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::NoRuns { .. } => Self::Usage(error.to_string()),
            error => Self::Lab(error.to_string()),
        }
    }
}
