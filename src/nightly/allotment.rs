//! Further trials for cells that are undecided.

use changepoint::Trend;
use model::{CellId, CellTrend, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// Trials that would decide undecided cells of a plan, at most `left` in all: first for those that need the fewest. Quarantined cells
/// have at most the trials that their entries allow.
pub fn allot(trends: &[CellTrend], plan: &Plan, left: u32) -> BTreeMap<CellId, u32> {
    let quarantined = plan.cells.iter().filter(|cell| !cell.quarantine.is_empty());
    let quarantined: BTreeSet<&CellId> = quarantined.map(|cell| &cell.id).collect();
    let may_have_more = |trend: &&CellTrend| trend.trend == Trend::Undecided && !quarantined.contains(&trend.cell);
    let mut needed: BTreeMap<&CellId, u32> = BTreeMap::new();
    for trend in trends.iter().filter(may_have_more) {
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
    use super::super::samples::{cell, entry};
    use super::*;
    use model::{PLAN_SCHEMA, Quarantine, RateInterval};

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

    fn plan(quarantine: &[(&str, Vec<Quarantine>)]) -> Plan {
        let cells = quarantine.iter().map(|(id, quarantine)| cell(id, quarantine.clone())).collect();
        Plan { schema: PLAN_SCHEMA, name: "m".to_owned(), cells, skipped: Vec::new() }
    }

    #[test]
    fn quarantined_cell_gets_no_further_trials() {
        let trends = [trend("a", Trend::Undecided, Some(2)), trend("b", Trend::Undecided, Some(3))];
        let plan = plan(&[("a", vec![entry("quarantine.yaml:1")]), ("b", Vec::new())]);
        assert_eq!(allot(&trends, &plan, 9), BTreeMap::from([(CellId::new("b"), 3)]));
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
        let given = |left| {
            allot(&trends, &plan(&[]), left).into_iter().map(|(cell, n)| format!("{cell}{n}")).collect::<Vec<_>>()
        };
        assert_eq!([given(9), given(8), given(3)], [vec!["a6", "b3"], vec!["a5", "b3"], vec!["b3"]]);
        assert_eq!((given(2), given(0)), (vec!["b2".to_owned()], Vec::new()));
    }
}
