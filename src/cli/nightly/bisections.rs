//! The bisections of a night.

use super::night::Night;
use crate::cli::bisect;
use crate::cli::error::CliError;
use crate::cli::pages;
use crate::host::Clock;
use crate::store::RunDir;
use model::{Trend, duration};

impl Night<'_> {
    /// Bisects what is new or worse in a matrix' run, within what is left of both budgets.
    ///
    /// # Errors
    /// When the state of the night cannot be written.
    pub fn bisect(&mut self, index: usize) -> Result<(), CliError> {
        let state = &self.dir.night().runs[index];
        let is_worse = state
            .run
            .as_ref()
            .and_then(|run| self.trends.get(run))
            .is_some_and(|trends| trends.open.iter().any(|trend| matches!(trend.trend, Trend::New | Trend::Worse)));
        let left = self.config.bisect.saturating_sub(duration(self.dir.night().bisections_s));
        let budget = self.left().map_or(left, |whole| whole.min(left));
        if state.bisected || !is_worse || budget.is_zero() || self.cancel.is_cancelled() {
            return Ok(());
        }
        let Some(folder) = self.run_folder(index) else { return Ok(()) };
        let (clock, part) = (Clock::start(), self.part());
        let done = RunDir::open(&folder).map_err(CliError::from).and_then(|run| {
            let bisected = bisect::regressions_until(
                &run,
                budget,
                self.options.host.jobs,
                &self.options.lab,
                self.context,
                part.cancel.clone(),
            );
            let bisected = self.runtime.block_on(bisected);
            pages::write_run(&run);
            bisected
        });
        self.dir.update(|night| night.bisections_s += clock.elapsed().as_secs_f64())?;
        if self.cancel.is_cancelled() {
            return Ok(());
        }
        if let Err(error) = done {
            self.fail(&format!("bisection: {}", error.reason()))?;
        }
        self.dir.update(|night| night.runs[index].bisected = true)?;
        Ok(())
    }
}
