//! Segments of arbitrary and of simulated series.

use bisect::Beta;
use changepoint::{Expectation, Position, Segment, Settings, Trend, assess, segments};
use fastrand::Rng;
use proptest::prelude::*;

fn positions(max: usize) -> impl Strategy<Value = Vec<Position>> {
    let position = (0..5_u32, 0..5_u32).prop_map(|(failures, passes)| Position { failures, passes });
    let uniform = prop_oneof![
        (0..5_u32).prop_map(|passes| Position { failures: 0, passes }),
        (0..5_u32).prop_map(|failures| Position { failures, passes: 0 }),
        position
    ];
    // Runs of equal positions have changes between them.
    let runs = prop::collection::vec((uniform, 1..20_usize), 0..10);
    runs.prop_map(move |runs| {
        let runs = runs.into_iter().flat_map(|(position, nights)| std::iter::repeat_n(position, nights));
        runs.take(max).collect()
    })
}

fn simulate(nights: usize, rate: f64, rng: &mut Rng) -> Vec<Position> {
    let mut night = || {
        let failures = (0..3).map(|_| u32::from(rng.f64() < rate)).sum();
        Position { failures, passes: 3 - failures }
    };
    (0..nights).map(|_| night()).collect()
}

fn sum(positions: &[Position]) -> Position {
    positions.iter().fold(Position::default(), |sum, one| sum + *one)
}

/// The logarithm of the odds of the best segmentation over those of none, by trying all.
fn best_score(positions: &[Position], settings: &Settings) -> f64 {
    let cost = ((1.0 - settings.change) / settings.change * settings.found / (1.0 - settings.found)).ln();
    let whole = settings.rate.ln_marginal(sum(positions).into());
    (0..1_u32 << (positions.len() - 1))
        .map(|cuts| {
            let mut bounds = vec![0];
            bounds.extend((1..positions.len()).filter(|at| cuts >> (at - 1) & 1 == 1));
            bounds.push(positions.len());
            let parts =
                bounds.windows(2).map(|part| settings.rate.ln_marginal(sum(&positions[part[0]..part[1]]).into()));
            parts.sum::<f64>() - whole - cost * f64::from(cuts.count_ones())
        })
        .fold(f64::NEG_INFINITY, f64::max)
}

fn score(positions: &[Position], segments: &[Segment], settings: &Settings) -> f64 {
    let cost = ((1.0 - settings.change) / settings.change * settings.found / (1.0 - settings.found)).ln();
    let parts = segments.iter().map(|segment| settings.rate.ln_marginal(segment.tally.into()));
    parts.sum::<f64>() - settings.rate.ln_marginal(sum(positions).into()) - cost * (segments.len() - 1) as f64
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn segments_partition_the_series(positions in positions(120)) {
        let segments = segments(&positions, &Settings::default());
        prop_assert_eq!(segments.is_empty(), sum(&positions).is_empty());
        let mut end = 0;
        for (number, segment) in segments.iter().enumerate() {
            prop_assert_eq!(segment.positions.start, end);
            end = segment.positions.end;
            prop_assert_eq!(segment.tally, sum(&positions[segment.positions.clone()]));
            prop_assert_eq!(segment.start.is_some(), number > 0);
            if let Some(start) = &segment.start {
                prop_assert!(start.after < start.first && start.first <= start.by);
                let weights = start.weights.iter();
                prop_assert!((weights.clone().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-9);
                let inside = weights.filter(|(at, _)| *at > start.after && *at <= start.by);
                prop_assert!(inside.map(|(_, weight)| weight).sum::<f64>() >= 0.99 - 1e-9);
            }
        }
        prop_assert!(segments.is_empty() || end == positions.len());
    }

    #[test]
    fn segments_are_the_most_likely_ones(positions in positions(10)) {
        let settings = Settings { change: 0.1, found: 0.5, ..Settings::default() };
        let positions: Vec<Position> = positions.into_iter().filter(|one| !one.is_empty()).collect();
        prop_assume!(!positions.is_empty());
        let found = score(&positions, &segments(&positions, &settings), &settings);
        let best = best_score(&positions, &settings);
        prop_assert!((found - best).abs() < 1e-9, "{found} {best}");
    }

    #[test]
    fn swapping_outcomes_and_prior_swaps_tallies(positions in positions(120)) {
        let settings = Settings::default();
        let rate = Beta { hangs: settings.rate.passes, passes: settings.rate.hangs };
        let swap = |position: &Position| Position { failures: position.passes, passes: position.failures };
        let swapped: Vec<Position> = positions.iter().map(swap).collect();
        let expected: Vec<Segment> = segments(&positions, &settings)
            .into_iter()
            .map(|segment| Segment { tally: swap(&segment.tally), ..segment })
            .collect();
        prop_assert_eq!(segments(&swapped, &Settings { rate, ..settings }), expected);
    }

    #[test]
    fn positions_without_trials_change_nothing(positions in positions(60), empty in prop::collection::vec(0..4_usize, 60)) {
        let settings = Settings::default();
        let positions: Vec<Position> = positions.into_iter().filter(|one| !one.is_empty()).collect();
        let gap = |at: usize| std::iter::repeat_n(Position::default(), empty[at]);
        let with: Vec<Position> = (0..positions.len()).flat_map(|at| gap(at).chain([positions[at]])).collect();
        let tallies = |positions: &[Position]| -> Vec<Position> {
            segments(positions, &settings).into_iter().map(|segment| segment.tally).collect()
        };
        prop_assert_eq!(tallies(&positions), tallies(&with));
        let (one, other) = (assess(&positions, Expectation::Pass, &settings), assess(&with, Expectation::Pass, &settings));
        prop_assert_eq!((one.trend, one.rate, one.trials_to_decide), (other.trend, other.rate, other.trials_to_decide));
        let likely: Vec<usize> = (0..with.len()).filter(|at| !with[*at].is_empty()).collect();
        let original = |first: usize| likely.iter().position(|at| *at == first);
        prop_assert_eq!(one.change.map(|start| start.first), other.change.and_then(|start| original(start.first)));
    }

    #[test]
    fn word_agrees_with_the_latest_run(positions in positions(60)) {
        let assessment = assess(&positions, Expectation::Pass, &Settings::default());
        let latest = positions.last().copied().unwrap_or_default();
        prop_assert_eq!(assessment.trend == Trend::NotRun, latest.is_empty());
        match assessment.trend {
            Trend::Undecided => prop_assert!(latest.failures > 0 && assessment.trials_to_decide.is_some()),
            Trend::Passing => prop_assert_eq!(latest.failures, 0),
            Trend::Worse | Trend::Better => prop_assert!(assessment.change.is_some() && assessment.rate_before.is_some()),
            _ => {}
        }
    }
}

#[test]
fn constant_rates_are_one_segment() {
    let mut rng = Rng::with_seed(1);
    for rate in [0.0, 0.3, 1.0] {
        let changed = (0..200).filter(|_| segments(&simulate(200, rate, &mut rng), &Settings::default()).len() > 1);
        assert!(changed.count() <= 1, "{rate}");
    }
}

#[test]
fn short_excursion_is_a_segment() {
    let settings = Settings::default();
    let night = |failures| Position { failures, passes: 3 - failures };
    let positions = [vec![night(0); 150], vec![night(3); 2], vec![night(0); 150]].concat();
    let starts: Vec<usize> = segments(&positions, &settings).iter().map(|segment| segment.positions.start).collect();
    assert_eq!(starts, [0, 150, 152]);
    // No single change is likely.
    let ln = |range: std::ops::Range<usize>| settings.rate.ln_marginal(sum(&positions[range]).into());
    let best = (1..302).map(|at| ln(0..at) + ln(at..302) - ln(0..302)).fold(f64::NEG_INFINITY, f64::max);
    assert!(best + settings.change.ln() < 0.0, "{best}");
}

#[test]
fn interval_of_the_start_contains_the_change() {
    let mut rng = Rng::with_seed(1);
    let (mut found, mut inside, mut exact, mut width) = (0_u32, 0_u32, 0_u32, 0);
    for _ in 0..2000 {
        let (rates, at) = ([rng.f64(), rng.f64()], rng.usize(20..80));
        let positions = [simulate(at, rates[0], &mut rng), simulate(100 - at, rates[1], &mut rng)].concat();
        let segments = segments(&positions, &Settings::default());
        let [_, Segment { start: Some(start), .. }] = segments.as_slice() else { continue };
        found += 1;
        inside += u32::from(start.after < at && at <= start.by);
        exact += u32::from(start.first == at);
        width += start.by - start.after;
    }
    let share = f64::from(inside) / f64::from(found);
    println!("{found} found, {share:.4} inside, {exact} exact, mean width {:.1}", width as f64 / f64::from(found));
    assert!(found > 1000 && share >= 0.99, "{inside} of {found}");
}
