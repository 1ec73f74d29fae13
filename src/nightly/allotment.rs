//! Further trials for cells that are undecided.

use changepoint::Trend;
use model::{CellId, CellTrend};
use std::collections::BTreeMap;

/// Trials that would decide undecided cells, at most `left` in all: first for those that need the fewest.
pub fn allot(trends: &[CellTrend], left: u32) -> BTreeMap<CellId, u32> {
    let mut needed: BTreeMap<&CellId, u32> = BTreeMap::new();
    for trend in trends.iter().filter(|trend| trend.trend == Trend::Undecided) {
        if let Some(trials) = trend.trials_to_decide.filter(|trials| *trials > 0) {
            // Two failures of a cell are decided by the same trials.
            let most = needed.entry(&trend.cell).or_default();
            *most = trials.max(*most);
        }
    }
    let mut needed: Vec<(&CellId, u32)> = needed.into_iter().collect();
    needed.sort_by_key(|(_, trials)| *trials);
    let mut left = left;
    // A part of the trials may decide, too.
    let given = needed.into_iter().map_while(|(cell, trials)| {
        let given = trials.min(left);
        left -= given;
        (given > 0).then(|| (cell.clone(), given))
    });
    given.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::RateInterval;

    fn trend(cell: &str, trend: Trend, trials_to_decide: Option<u32>) -> CellTrend {
        let rate = RateInterval { failures: 1, trials: 3, low: 0.0, high: 1.0 };
        CellTrend {
            cell: CellId::new(cell),
            failure: None,
            trend,
            failures: 1,
            trials: 3,
            rate,
            rate_before: None,
            since: None,
            trials_to_decide,
        }
    }

    #[test]
    fn cells_that_need_the_fewest_trials_are_decided_first() {
        let trends = [
            trend("a", Trend::Undecided, Some(6)),
            trend("b", Trend::Undecided, Some(2)),
            trend("b", Trend::Undecided, Some(3)),
            trend("c", Trend::New, Some(1)),
            trend("d", Trend::Undecided, None),
        ];
        let given = |left| allot(&trends, left).into_iter().map(|(cell, n)| format!("{cell}{n}")).collect::<Vec<_>>();
        assert_eq!([given(9), given(8), given(3)], [vec!["a6", "b3"], vec!["a5", "b3"], vec!["b3"]]);
        assert_eq!((given(2), given(0)), (vec!["b2".to_owned()], Vec::new()));
    }
}
