//! The policy of this crate: change points, and further trials of undecided tests.

use crate::rules::Alarm;
use crate::year::{Year, draw};
use changepoint::{Assessment, Expectation, Position, Settings, Trend, assess};
use fastrand::Rng;

/// Further trials that run at once, before the next assessment.
const BATCH: u32 = 3;

/// What the policy reports and costs.
#[derive(Debug, Default)]
pub struct Report {
    /// The alarms of each test.
    pub alarms: Vec<Vec<Alarm>>,
    /// Trials beside those of the year.
    pub retries: u64,
    /// Tests that ended a night undecided.
    pub undecided: u64,
}

/// Assesses each night of a year. Further trials go to the test whose rate has changed with the highest probability, until
/// none is undecided; at most `budget` in a night.
pub fn run(year: &Year, budget: u32, settings: &Settings, seed: u64) -> Report {
    let mut rng = Rng::with_seed(seed);
    let mut report = Report { alarms: vec![Vec::new(); year.tests.len()], ..Report::default() };
    let mut histories: Vec<Vec<Position>> = vec![Vec::new(); year.tests.len()];
    let nights = year.positions.first().map_or(0, Vec::len);
    let assess = |history: &[Position]| assess(history, Expectation::Pass, settings);
    for night in 0..nights {
        for (history, positions) in histories.iter_mut().zip(&year.positions) {
            history.push(positions[night]);
        }
        let mut assessments: Vec<Assessment> = histories.iter().map(|history| assess(history)).collect();
        let mut left = budget;
        let most_suspect = |assessments: &[Assessment]| {
            let suspects = assessments.iter().enumerate().filter_map(|(test, one)| Some((one.suspicion?, test)));
            suspects.max_by(|one, other| one.0.total_cmp(&other.0))
        };
        while left > 0
            && let Some((_, test)) = most_suspect(&assessments)
        {
            let trials = assessments[test].trials_to_decide.unwrap_or(1).min(BATCH).min(left);
            let outcomes = draw(year.tests[test].rate_at(night), trials, &mut rng);
            histories[test][night] = histories[test][night] + outcomes;
            assessments[test] = assess(&histories[test]);
            left -= trials;
        }
        report.retries += u64::from(budget - left);
        for (alarms, assessment) in report.alarms.iter_mut().zip(assessments) {
            report.undecided += u64::from(assessment.trend == Trend::Undecided);
            let is_up = matches!(assessment.trend, Trend::New | Trend::Worse);
            // Failures of the first night are no change.
            if night > 0 && (is_up || matches!(assessment.trend, Trend::Fixed | Trend::Better)) {
                alarms.push(Alarm { night, is_up });
            }
        }
    }
    report
}
