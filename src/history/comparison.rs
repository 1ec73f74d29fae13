//! Two runs, cell by cell.

use super::error::HistoryError;
use super::index::Index;
use super::series::{CellSeries, MatrixSeries};
use changepoint::{Expectation, Position, Rate, Settings, Trend, assess};
use model::{CellId, ComparedCell, Comparison, Failure, RateInterval, RunId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The probability beforehand that the rate of a cell differs between two runs that are compared. A run has hundreds of cells: were
/// it even, some of those that rarely fail would seem to have changed in every pair of runs.
const CHANGE: f64 = 0.05;
/// The probability from which two rates differ.
const SURE: f64 = 0.95;

/// A run and the index that has it.
#[derive(Debug, Clone, Copy)]
pub struct RunOfIndex<'i> {
    /// The index.
    pub index: &'i Index,
    /// The run.
    pub run: &'i RunId,
}

/// Compares the trials of the run `new` with what was known up to the run `old`, itself included. `None` where an index does not
/// have its run.
///
/// # Errors
/// When an index is damaged.
pub fn compare(old: RunOfIndex<'_>, new: RunOfIndex<'_>) -> Result<Option<Comparison>, HistoryError> {
    let place = |series: &MatrixSeries, run: &RunId| series.runs.iter().position(|row| row.run == *run);
    let Some(before) = old.index.series_of(old.run)? else { return Ok(None) };
    // Most runs that are compared are of one matrix.
    let is_same = std::ptr::eq(old.index, new.index) && place(&before, new.run).is_some();
    let other = if is_same { None } else { new.index.series_of(new.run)? };
    let after = other.as_ref().unwrap_or(&before);
    let (Some(begin), Some(end)) = (place(&before, old.run), place(after, new.run)) else { return Ok(None) };
    let mut old_cells: HashMap<&str, &CellSeries> =
        before.cells.iter().map(|cell| (cell.name.as_str(), cell)).collect();
    let mut cells = Vec::new();
    for cell in after.cells.iter().filter(|cell| cell.up_to(end).is_some()) {
        let old = old_cells.remove(cell.name.as_str()).map(|old| (old, begin));
        cells.extend(of_cell(old, Some((cell, end))));
    }
    let is_in_old = |cell: &&CellSeries| old_cells.contains_key(cell.name.as_str()) && cell.up_to(begin).is_some();
    for cell in before.cells.iter().filter(is_in_old) {
        cells.extend(of_cell(Some((cell, begin)), None));
    }
    cells.sort_by(|one, other| (one.trend, &one.cell).cmp(&(other.trend, &other.cell)));
    Ok(Some(Comparison { old: old.run.clone(), new: new.run.clone(), cells }))
}

/// A cell, or each failure of it, by its series and the places of the runs.
fn of_cell(old: Option<(&CellSeries, usize)>, new: Option<(&CellSeries, usize)>) -> Vec<ComparedCell> {
    let known = old.map(|(cell, end)| Known::of(cell, end)).unwrap_or_default();
    let run = new.map(|(cell, end)| Known::in_run(cell, end)).unwrap_or_default();
    let Some(name) = new.or(old).map(|(cell, _)| CellId::new(cell.name.as_str())) else { return Vec::new() };
    let word = |failure, trend, old: Position, new: Position, probability| ComparedCell {
        cell: name.clone(),
        failure,
        trend,
        old: Rate::of(old).map(RateInterval::from),
        new: Rate::of(new).map(RateInterval::from),
        probability,
    };
    if run.trials == 0 {
        let was_tried = known.trials > 0;
        let all = Position { failures: known.trials - known.passing.passes, ..known.passing };
        return was_tried.then(|| word(None, Trend::NotRun, all, run.passing, None)).into_iter().collect();
    }
    let mut cells = Vec::new();
    let failures: BTreeSet<&Failure> = known.failures.keys().chain(run.failures.keys()).collect();
    for failure in failures {
        let (old, _) = known.rate_of(failure);
        let (new, _) = run.rate_of(failure);
        let expected = run.failures.get(failure).or(known.failures.get(failure)).map(|(_, expected)| *expected);
        let probability = (!old.is_empty()).then(|| probability_of_change(old, new));
        let trend = trend(old, new, probability, expected.unwrap_or_default());
        if trend != Trend::Passing {
            cells.push(word(Some(failure.clone()), trend, old, new, probability));
        }
    }
    if cells.is_empty() {
        cells.push(word(None, Trend::Passing, known.passing, run.passing, None));
    }
    cells
}

/// What is known of a cell.
#[derive(Default)]
struct Known {
    trials: u32,
    /// Trials, as if none had failed.
    passing: Position,
    failures: BTreeMap<Failure, (Position, Expectation)>,
}

impl Known {
    /// Up to a run, since the latest change of each failure. Where the run does not have the cell, up to the last one before it
    /// that does.
    fn of(cell: &CellSeries, end: usize) -> Self {
        let results = &cell.results[..cell.results.partition_point(|result| result.run <= end)];
        let mut known = Self::default();
        for series in &cell.failures {
            let Some((positions, expected)) = series.positions(results) else { continue };
            let assessment = assess(&positions, expected, &Settings::default());
            if let Some(rate) = assessment.rate {
                let tally = Position { failures: rate.failures, passes: rate.trials - rate.failures };
                known.failures.insert(series.failure.clone(), (tally, expected));
            }
        }
        known.trials = results.iter().map(|result| result.passed + result.failed).sum();
        known.passing = Position { failures: 0, passes: results.iter().map(|result| result.passed).sum() };
        known
    }

    /// In one run alone.
    fn in_run(cell: &CellSeries, run: usize) -> Self {
        let Some(result) = cell.up_to(run).and_then(<[_]>::last) else { return Self::default() };
        let mut known =
            Self { trials: result.passed + result.failed, passing: Position::default(), failures: BTreeMap::new() };
        known.passing.passes = known.trials;
        for series in &cell.failures {
            if let Some((_, failures, expected)) = series.runs.iter().find(|(at, ..)| *at == run) {
                let expected = if *expected { Expectation::Failure } else { Expectation::Pass };
                let tally = Position { failures: *failures, passes: known.trials.saturating_sub(*failures) };
                known.failures.insert(series.failure.clone(), (tally, expected));
            }
        }
        known
    }

    fn rate_of(&self, failure: &Failure) -> (Position, Expectation) {
        let none = (Position { failures: 0, passes: self.trials }, Expectation::Pass);
        self.failures.get(failure).copied().unwrap_or(none)
    }
}

/// The probability that two tallies have different rates.
fn probability_of_change(old: Position, new: Position) -> f64 {
    let rate = Settings::default().rate;
    let apart = rate.ln_marginal(old.into()) + rate.ln_marginal(new.into());
    1.0 / (1.0 + (1.0 - CHANGE) / CHANGE * (rate.ln_marginal((old + new).into()) - apart).exp())
}

fn trend(old: Position, new: Position, probability: Option<f64>, expected: Expectation) -> Trend {
    let Settings { flaky_min, flaky_max, .. } = Settings::default();
    let share = |tally: Position| f64::from(tally.failures) / f64::from(tally.trials().max(1));
    let is_more = share(new) > share(old);
    let trend = match probability {
        _ if old.failures + new.failures == 0 => Trend::Passing,
        None => Trend::New,
        Some(sure) if sure >= SURE && is_more && share(old) < flaky_min => Trend::New,
        Some(sure) if sure >= SURE && is_more => Trend::Worse,
        Some(sure) if sure >= SURE && share(new) < flaky_min => Trend::Fixed,
        Some(sure) if sure >= SURE => Trend::Better,
        Some(_) if new.failures == 0 && share(old) < flaky_min => Trend::Passing,
        Some(_) if old.failures == 0 || share(old) > flaky_max && new.passes > 0 => Trend::Undecided,
        Some(_) if share(old) > flaky_max => Trend::StillFailing,
        Some(_) => Trend::Flaky,
    };
    match (expected, trend) {
        (Expectation::Failure, Trend::Passing | Trend::Fixed) | (Expectation::Pass, _) => trend,
        (Expectation::Failure, _) => Trend::Expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(failures: u32, passes: u32) -> Position {
        Position { failures, passes }
    }

    #[test]
    fn probability_follows_from_the_marginal_likelihoods() {
        // One pass, then one failure, with the rates' prior Beta(a, b). Apart: b/(a + b) · a/(a + b); of one rate:
        // b/(a + b) · a/(a + b + 1).
        let bisect::Beta { hangs: a, passes: b } = Settings::default().rate;
        let apart = b / (a + b) * (a / (a + b));
        let together = b / (a + b) * (a / (a + b + 1.0));
        let expected = 0.05 * apart / (0.05 * apart + 0.95 * together);
        assert!((probability_of_change(tally(0, 1), tally(1, 0)) - expected).abs() < 1e-12);
        assert!(probability_of_change(tally(0, 100), tally(0, 3)) < 0.5);
        assert!(probability_of_change(tally(0, 40), tally(5, 0)) > 0.9999);
    }

    #[test]
    fn word_follows_from_rates_and_probability() {
        let word =
            |old: Position, new: Position| trend(old, new, Some(probability_of_change(old, new)), Expectation::Pass);
        for (old, new, expected) in [
            (tally(0, 40), tally(5, 0), Trend::New),
            (tally(0, 1), tally(1, 0), Trend::Undecided),
            (tally(0, 40), tally(0, 3), Trend::Passing),
            (tally(8, 32), tally(10, 0), Trend::Worse),
            (tally(8, 32), tally(1, 4), Trend::Flaky),
            (tally(8, 32), tally(0, 3), Trend::Flaky),
            (tally(40, 0), tally(3, 0), Trend::StillFailing),
            (tally(40, 0), tally(0, 5), Trend::Fixed),
            (tally(0, 3), tally(3, 0), Trend::Undecided),
            (tally(0, 5), tally(5, 0), Trend::New),
            (tally(0, 1000), tally(1, 2), Trend::Undecided),
            (tally(40, 0), tally(1, 4), Trend::Better),
            (tally(1, 0), tally(0, 1), Trend::Undecided),
        ] {
            assert_eq!(word(old, new), expected, "{old:?} {new:?}");
        }
        assert_eq!(trend(tally(0, 0), tally(1, 0), None, Expectation::Pass), Trend::New);
        assert_eq!(trend(tally(0, 40), tally(5, 0), Some(1.0), Expectation::Failure), Trend::Expected);
    }
}
