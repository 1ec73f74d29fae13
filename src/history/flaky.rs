//! Cells that fail at a steady rate.

use super::error::HistoryError;
use super::index::Index;
use super::load;
use changepoint::{Settings, Trend};
use model::FlakyCell;

impl Index {
    /// Cells that neither pass nor fail for certain, the highest rate first. Each is called so after its own latest run.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn flaky(&self, matrix: Option<&str>) -> Result<Vec<FlakyCell>, HistoryError> {
        let mut matrices: Vec<String> = self.runs()?.into_iter().map(|run| run.matrix).collect();
        matrices.sort_unstable();
        matrices.dedup();
        matrices.retain(|name| matrix.is_none_or(|wanted| wanted == name));
        let mut flaky = Vec::new();
        for name in matrices {
            let series = load::matrix(&self.db, &name, None)?;
            for cell in series.cells.iter().filter(|cell| !cell.failures.is_empty()) {
                let Some(latest) = cell.results.iter().rev().find(|result| result.passed + result.failed > 0) else {
                    continue;
                };
                for trend in cell.trends(&series.runs, latest.run) {
                    if let (Trend::Flaky, Some(failure)) = (trend.trend, trend.failure) {
                        flaky.push(FlakyCell {
                            matrix: name.clone(),
                            cell: trend.cell,
                            failure,
                            rate: trend.rate,
                            since: trend.since,
                            latest: series.runs[latest.run].run.clone(),
                        });
                    }
                }
            }
        }
        let Settings { flaky_min, flaky_max, .. } = Settings::default();
        let share = |cell: &FlakyCell| f64::from(cell.rate.failures) / f64::from(cell.rate.trials.max(1));
        flaky.retain(|cell| (flaky_min..=flaky_max).contains(&share(cell)));
        flaky.sort_by(|one, other| share(other).total_cmp(&share(one)).then_with(|| one.cell.cmp(&other.cell)));
        Ok(flaky)
    }
}
