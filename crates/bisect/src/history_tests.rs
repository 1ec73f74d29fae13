use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Graphs in which each revision has up to three parents anywhere before it: worse than real ones.
fn graphs() -> impl Strategy<Value = Vec<Vec<Revision>>> {
    (2_u32..40).prop_flat_map(|len| {
        (1..len)
            .map(|child| proptest::collection::btree_set(0..child, 0..=3).prop_map(|set| set.into_iter().collect()))
            .collect::<Vec<_>>()
            .prop_map(|children: Vec<Vec<Revision>>| [vec![Vec::new()], children].concat())
    })
}

fn ancestors(graph: &[Vec<Revision>], revision: Revision) -> BTreeSet<Revision> {
    let mut found = BTreeSet::from([revision]);
    graph[revision as usize].iter().for_each(|parent| found.extend(ancestors_memo(graph, *parent, &found)));
    found
}

/// The ancestors that are not found yet.
fn ancestors_memo(graph: &[Vec<Revision>], revision: Revision, found: &BTreeSet<Revision>) -> BTreeSet<Revision> {
    let mut pending = vec![revision];
    let mut more = BTreeSet::new();
    while let Some(revision) = pending.pop() {
        if !found.contains(&revision) && more.insert(revision) {
            pending.extend(&graph[revision as usize]);
        }
    }
    more
}

proptest! {
    #[test]
    fn candidates_are_the_ancestors_of_bad_without_those_of_good(graph in graphs(), good: prop::sample::Index) {
        let bad = graph.len() as Revision - 1;
        let good = good.index(graph.len()) as Revision;
        let beyond = ancestors(&graph, good);
        let expected: Vec<_> = ancestors(&graph, bad).into_iter().filter(|revision| !beyond.contains(revision)).collect();
        match History::new(&graph, &[good], bad) {
            Ok(history) => prop_assert_eq!(history.candidates(), expected),
            Err(error) => prop_assert!(expected.is_empty() && error == HistoryError::NothingBetween),
        }
    }

    #[test]
    fn sums_are_over_all_ancestors(graph in graphs(), walked: bool) {
        let Ok(mut history) = History::new(&graph, &[0], graph.len() as Revision - 1) else { return Ok(()) };
        if walked {
            history.sum_plans.iter_mut().for_each(|step| *step = SumPlan::Walk);
        }
        // Powers of two: a sum tells its summands.
        let weights: Vec<f64> = (0..history.len()).map(|at| 2_f64.powi(at as i32)).collect();
        let sums = history.sums(&weights);
        for (at, revision) in history.candidates().iter().enumerate() {
            let contained: Vec<f64> =
                ancestors(&graph, *revision).iter().filter_map(|one| history.position(*one)).map(|at| weights[at]).collect();
            prop_assert_eq!(sums[at], contained.iter().sum::<f64>());
            let marked = history.contained(at);
            prop_assert_eq!(marked.iter().filter(|marked| **marked).count(), contained.len());
        }
    }
}

#[test]
fn line_has_all_but_its_first_as_candidates() {
    let history = History::line(5).unwrap();
    assert_eq!(history.candidates(), [1, 2, 3, 4]);
    assert_eq!((history.good(), history.bad()), (&[0][..], 4));
    assert_eq!(history.sums(&[1.0; 4]), [1.0, 2.0, 3.0, 4.0]);
    assert!(history.touches_good(0) && !history.touches_good(1));
    assert_eq!(History::line(1).unwrap_err(), HistoryError::NothingBetween);
    assert_eq!(History::line(0).unwrap_err(), HistoryError::Unknown(0));
}

#[test]
fn invalid_histories_are_refused() {
    assert_eq!(History::new(&[vec![], vec![1]], &[0], 1).unwrap_err(), HistoryError::Order { child: 1, parent: 1 });
    assert_eq!(History::new(&[vec![], vec![0]], &[0], 2).unwrap_err(), HistoryError::Unknown(2));
    assert_eq!(History::new(&[vec![], vec![0]], &[], 1).unwrap_err(), HistoryError::NoGoodEnd);
    assert_eq!(History::new(&[vec![], vec![0]], &[1], 0).unwrap_err(), HistoryError::NothingBetween);
    for weights in [&[1.0][..], &[1.0, -1.0], &[1.0, f64::NAN], &[1.0, 0.0]] {
        assert_eq!(History::line(2).unwrap().weighted(weights).unwrap_err(), HistoryError::Weights);
    }
}

#[test]
fn criss_cross_merges_need_short_lists() {
    // Two branches, each merged into the other at every step.
    let graph: Vec<Vec<Revision>> =
        (0..4000_u32).map(|at| (at.saturating_sub(at % 2 + 2)..at - at % 2).collect()).collect();
    let history = History::new(&graph, &[0], 3999).unwrap();
    assert!(history.listed.len() <= 4000);
}
