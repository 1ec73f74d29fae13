//! What the history says of a run, without failures that are known: those that its quarantine covers.

use changepoint::Trend;
use model::{CellId, CellTrend, Failure, Outcome, TrialRecord, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// What the history says of a run's cells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunTrends {
    /// All that is not quarantined.
    pub open: Vec<CellTrend>,
    /// Number of cells whose failures are all quarantined.
    pub quarantined: usize,
}

impl RunTrends {
    /// Leaves out what the entries in the trials' cells cover; `trials` are those of the run.
    pub fn new(trends: Vec<CellTrend>, trials: &[TrialRecord]) -> Self {
        let mut of_cells: BTreeMap<&CellId, Vec<&TrialRecord>> = BTreeMap::new();
        for trial in trials.iter().filter(|trial| !trial.cell.quarantine.is_empty()) {
            of_cells.entry(&trial.cell.id).or_default().push(trial);
        }
        let is_known =
            |trend: &CellTrend| of_cells.get(&trend.cell).is_some_and(|trials| is_quarantined(trend, trials));
        let (known, open): (Vec<CellTrend>, Vec<CellTrend>) = trends.into_iter().partition(is_known);
        let open_cells: BTreeSet<&CellId> = open.iter().map(|trend| &trend.cell).collect();
        let known: BTreeSet<&CellId> = known.iter().map(|trend| &trend.cell).collect();
        let quarantined = known.difference(&open_cells).count();
        Self { open, quarantined }
    }
}

/// Cells with trials that ended unexpectedly with this outcome, and the number of these trials; interrupted ones are not among them.
pub fn unexpected(trials: &[TrialRecord], outcome: Outcome) -> Vec<(CellId, u32)> {
    let mut cells: BTreeMap<&CellId, u32> = BTreeMap::new();
    for trial in trials.iter().filter(|trial| trial.is_unexpected() && !trial.is_interrupted()) {
        if trial.verdict.outcome() == outcome {
            *cells.entry(&trial.cell.id).or_default() += 1;
        }
    }
    cells.into_iter().map(|(cell, trials)| (cell.clone(), trials)).collect()
}

fn is_quarantined(trend: &CellTrend, trials: &[&TrialRecord]) -> bool {
    let Some(failure) = &trend.failure else { return false };
    let fails = |trial: &&&TrialRecord| is(&trial.verdict, failure);
    if trials.iter().any(|trial| fails(&trial)) {
        return trials.iter().filter(fails).all(|trial| trial.quarantine().is_some());
    }
    // It is known whether or not it shows in this run; that it is gone is news.
    let failing = |trial: &TrialRecord| {
        let rule = trial.verdict.rule;
        let verdict = Verdict { title: failure.title.clone(), ..Verdict::new(failure.kind, rule, "") };
        TrialRecord { verdict, ..trial.clone() }
    };
    !matches!(trend.trend, Trend::Fixed | Trend::Better)
        && trials.iter().all(|trial| failing(trial).quarantine().is_some())
}

fn is(verdict: &Verdict, failure: &Failure) -> bool {
    verdict.kind == failure.kind && verdict.title == failure.title
}

#[cfg(test)]
mod tests {
    use super::super::samples::{cell, entry, trial};
    use super::*;
    use model::{Kind, Quarantine, RateInterval};

    fn trend(cell: &str, kind: Kind, trend: Trend) -> CellTrend {
        CellTrend {
            cell: CellId::new(cell),
            failure: Some(Failure { kind, title: None }),
            trend,
            failures: 1,
            trials: 1,
            rate: RateInterval { failures: 1, trials: 1, low: 0.0, high: 1.0 },
            rate_before: None,
            since: None,
            trials_to_decide: None,
        }
    }

    #[test]
    fn unexpected_trials_are_counted_by_cell() {
        let (open, known) = (cell("a", Vec::new()), cell("b", vec![entry("quarantine.yaml:1")]));
        let is_other = |kind: &Kind| kind.outcome() == Outcome::Inconclusive && *kind != Kind::Interrupted;
        let inconclusive = Kind::ALL.iter().copied().find(is_other).unwrap();
        let trials = [
            trial(&open, 1, inconclusive),
            trial(&open, 2, inconclusive),
            trial(&open, 3, Kind::Interrupted),
            trial(&open, 4, Kind::Panic),
            trial(&known, 1, inconclusive),
        ];
        assert_eq!(unexpected(&trials, Outcome::Inconclusive), [(CellId::new("a"), 2)]);
    }

    #[test]
    fn quarantined_failure_is_no_news() {
        let panics = Quarantine { verdicts: vec![Kind::Panic.into()], ..entry("quarantine.yaml:1") };
        let known = cell("known", vec![panics]);
        let trials = [trial(&known, 1, Kind::Panic), trial(&cell("open", Vec::new()), 1, Kind::Panic)];
        let trends = vec![trend("known", Kind::Panic, Trend::New), trend("open", Kind::Panic, Trend::New)];
        let found = RunTrends::new(trends.clone(), &trials);
        assert_eq!((found.open.as_slice(), found.quarantined), (&trends[1..], 1));
        // Another failure of the cell is news, and what it shows in no trial of this run is known as well.
        let trends = vec![trend("known", Kind::OomLivelock, Trend::New), trend("known", Kind::Panic, Trend::Worse)];
        let found = RunTrends::new(trends.clone(), &[trial(&known, 1, Kind::OomLivelock)]);
        assert_eq!((found.open.as_slice(), found.quarantined), (&trends[..1], 0));
        let fixed = vec![trend("known", Kind::Panic, Trend::Fixed)];
        assert_eq!(RunTrends::new(fixed.clone(), &[trial(&known, 1, Kind::Finished)]).open, fixed);
    }
}
