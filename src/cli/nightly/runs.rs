//! The runs of a night, and further trials for cells that are undecided.

use super::night::Night;
use super::start::quarantined;
use crate::cli::error::CliError;
use crate::cli::execute::Execution;
use crate::cli::known::Catalogues;
use crate::cli::output::notify;
use crate::cli::resume;
use crate::cli::timings::Stopwatch;
use crate::history;
use crate::host::{system_time, today};
use crate::nightly::{RunTrends, allot};
use crate::store::RunDir;
use model::{CellTrend, RunId};
use std::path::{Path, PathBuf};

impl Night<'_> {
    /// Runs a matrix, or what is left of its run, as far as the budget allows.
    ///
    /// # Errors
    /// When the state of the night cannot be written.
    pub fn run_matrix(&mut self, index: usize) -> Result<(), CliError> {
        if !self.dir.night().runs[index].ran && self.has_time() {
            let done = match self.run_folder(index) {
                Some(folder) => self.resume(&folder),
                None => self.begin(index),
            };
            let done = done.and_then(|folder| self.decide(&folder));
            if self.cancel.is_cancelled() {
                return Ok(());
            }
            if let Err(error) = done {
                let matrix = self.dir.night().runs[index].matrix.display().to_string();
                self.fail(&format!("{matrix}: {}", error.reason()))?;
            }
            self.dir.update(|night| night.runs[index].ran = true)?;
        }
        self.compare(index)
    }

    fn begin(&mut self, index: usize) -> Result<PathBuf, CliError> {
        let matrix = self.dir.night().runs[index].matrix.clone();
        let mirror = self.options.lab.mirror.clone();
        let catalogues = Catalogues::newer_than(self.context, mirror, Some(system_time(self.started)))?;
        let (plan, expired) = quarantined(&matrix, self.config, &catalogues, self.context)?;
        let folder = RunDir::reserve(&self.config.runs, &today())?;
        let run = RunId::new(folder.file_name().unwrap_or_default().to_string_lossy());
        self.dir.update(|night| {
            night.runs[index].run = Some(run);
            night.runs[index].expired = expired;
        })?;
        let mut options = self.options.clone();
        options.out = Some(folder.clone());
        options.junit = Some(self.junit(&folder));
        let (context, stopwatch, part) = (self.context, Stopwatch::start(), self.part());
        let execution = Execution {
            context,
            catalogues,
            options: &options,
            plan,
            part: None,
            own: None,
            prepared: None,
            resumed: None,
            bisect: None,
            stopwatch,
        };
        self.runtime.block_on(execution.execute_until(part.cancel.clone()))?;
        Ok(folder)
    }

    /// Runs the trials of a run that have not ended: with the kernels that it has booted.
    fn resume(&mut self, folder: &Path) -> Result<PathBuf, CliError> {
        let run = resume::open(folder)?;
        let plan = run.plan()?;
        let catalogues = Catalogues::read(self.context, self.options.lab.mirror.clone())?;
        let (plan, own, resumed) = resume::remaining(run, plan, &catalogues)?;
        if resumed.remaining == 0 {
            return Ok(folder.to_owned());
        }
        let mut options = self.options.clone();
        options.junit = Some(self.junit(folder));
        let (context, stopwatch, part) = (self.context, Stopwatch::start(), self.part());
        let resumed = Some(resumed);
        let execution = Execution {
            context,
            catalogues,
            options: &options,
            plan,
            part: None,
            own,
            prepared: None,
            resumed,
            bisect: None,
            stopwatch,
        };
        self.runtime.block_on(execution.execute_until(part.cancel.clone()))?;
        Ok(folder.to_owned())
    }

    /// Gives undecided cells further trials, until they are decided or the share or the budget is used.
    fn decide(&mut self, folder: &Path) -> Result<(), CliError> {
        let run = RunDir::open(folder)?;
        loop {
            let plan = run.initial_plan()?;
            let left = share(plan.trials(), self.config.decide).saturating_sub(run.further_trials()?.total());
            let allotted = if self.has_time() { allot(&history(folder)?, &plan, left) } else { return Ok(()) };
            if allotted.is_empty() {
                return Ok(());
            }
            let trials: u32 = allotted.values().sum();
            notify(&format!("further trials of undecided cells: {trials}, cells: {}", allotted.len()));
            run.add_trials(&allotted)?;
            self.resume(folder)?;
        }
    }

    /// Asks the history what has become of the cells of a run.
    fn compare(&mut self, index: usize) -> Result<(), CliError> {
        let Some(folder) = self.run_folder(index) else { return Ok(()) };
        let record = RunDir::open(&folder).and_then(|run| run.record());
        let trends = record.map_err(CliError::from).and_then(|record| {
            let trends = history(&folder)?;
            Ok(RunTrends::new(trends, &record.trials))
        });
        match trends {
            Ok(trends) => {
                let run = self.dir.night().runs[index].run.clone();
                self.trends.extend(run.map(|run| (run, trends)));
                Ok(())
            }
            Err(error) => self.fail(&format!("history of {}: {}", folder.display(), error.reason())),
        }
    }

    fn junit(&self, folder: &Path) -> PathBuf {
        let run = folder.file_name().unwrap_or_default().to_string_lossy();
        self.dir.path().join(format!("junit-{run}.xml"))
    }
}

fn history(folder: &Path) -> Result<Vec<CellTrend>, CliError> {
    history::trends(folder).map_err(|error| CliError::Lab(error.to_string()))
}

/// So many trials are a share of all, rounded up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is at most one")]
fn share(trials: u32, share: f64) -> u32 {
    (f64::from(trials) * share).ceil() as u32
}
