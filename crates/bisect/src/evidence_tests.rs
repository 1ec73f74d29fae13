use super::*;
use proptest::prelude::*;

/// The posterior by a sum over all candidates, trial by trial: no groups.
fn brute_force(history: &History, settings: &Settings, trials: &[(Revision, bool)]) -> Vec<f64> {
    let likelihood = |is_affected: &dyn Fn(Revision) -> bool| {
        let (mut p, mut q, mut probability) = (settings.affected, settings.unaffected, 1.0);
        for (revision, hang) in trials {
            let share = if is_affected(*revision) { &mut p } else { &mut q };
            probability *= if *hang { share.mean() } else { 1.0 - share.mean() };
            *share = share.after(Tally { hangs: u32::from(*hang), passes: u32::from(!*hang) });
        }
        probability
    };
    let commits = 1.0 - settings.all_affected - settings.none_affected;
    let mut weights: Vec<f64> = (0..history.len())
        .map(|culprit| {
            let affected =
                |revision| history.position(revision).is_some_and(|position| history.contained(position)[culprit]);
            history.prior()[culprit] * commits * likelihood(&affected)
        })
        .collect();
    weights.push(settings.all_affected * likelihood(&|_| true));
    weights.push(settings.none_affected * likelihood(&|_| false));
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

fn graphs() -> impl Strategy<Value = Vec<Vec<Revision>>> {
    (3_u32..14).prop_flat_map(|len| {
        (1..len)
            .map(|child| proptest::collection::btree_set(0..child, 1..=2).prop_map(|set| set.into_iter().collect()))
            .collect::<Vec<_>>()
            .prop_map(|children: Vec<Vec<Revision>>| [vec![Vec::new()], children].concat())
    })
}

proptest! {
    #[test]
    fn posterior_agrees_with_a_brute_force_sum(
        graph in graphs(),
        weights in proptest::collection::vec(0.1_f64..10.0, 14),
        trials in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..30),
    ) {
        let history = History::new(&graph, &[0], graph.len() as Revision - 1);
        let Ok(history) = history.and_then(|history| history.weighted(&weights[..graph.len()])) else { return Ok(()) };
        // Only ends and candidates are ever tried.
        let tried: Vec<Revision> = history.good().iter().chain(history.candidates()).copied().collect();
        let trials: Vec<(Revision, bool)> = trials.iter().map(|(at, hang)| (tried[at.index(tried.len())], *hang)).collect();
        let settings = Settings::default();
        let mut evidence = Evidence::new(&history);
        for (revision, hang) in &trials {
            evidence.count(&history, *revision, if *hang { Outcome::Hang } else { Outcome::Pass });
        }
        let beliefs = evidence.beliefs(&settings);
        let mut found = evidence.weights(&history, &beliefs);
        found.extend([Hypothesis::AllAffected, Hypothesis::NoneAffected].map(|wanted| beliefs.iter().find(|one| one.hypothesis == wanted).unwrap().posterior));
        for (found, expected) in found.iter().zip(brute_force(&history, &settings, &trials)) {
            prop_assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
        }
    }
}

#[test]
fn other_failures_leave_the_posterior_unchanged() {
    let history = History::line(10).unwrap();
    let mut evidence = Evidence::new(&history);
    let before = evidence.weights(&history, &evidence.beliefs(&Settings::default()));
    evidence.count(&history, 5, Outcome::Other);
    evidence.count(&history, 6, Outcome::Skipped);
    let after = evidence.weights(&history, &evidence.beliefs(&Settings::default()));
    before.iter().zip(after).for_each(|(before, after)| assert!((before - after).abs() < 1e-15));
}
