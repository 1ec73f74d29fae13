//! Tests with known failure rates, and what they do in the nights of a year.

use changepoint::Position;
use fastrand::Rng;

/// The size of a year.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Number of tests.
    pub tests: usize,
    /// Number of nights.
    pub nights: usize,
    /// Trials of a test each night.
    pub trials: u32,
}

/// The rates of one test over the year.
#[derive(Debug, Clone)]
pub struct Test {
    /// The rate of the first night.
    pub rate: f64,
    /// Its changes, oldest first.
    pub changes: Vec<Change>,
}

/// A change of a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first night with the new rate.
    pub night: usize,
    /// The old rate.
    pub before: f64,
    /// The new rate.
    pub after: f64,
}

/// All tests of a year, and what their trials did.
#[derive(Debug, Clone)]
pub struct Year {
    /// The tests.
    pub tests: Vec<Test>,
    /// The trials of each, by night.
    pub positions: Vec<Vec<Position>>,
}

/// Nights before the first change, and after the last one.
const MARGIN: usize = 30;
/// Rates of new failures.
const RATES: [f64; 6] = [1.0, 0.5, 0.2, 0.1, 0.05, 0.02];
/// Of so many tests, one changes.
const CHANGING: usize = 3;

impl Year {
    /// The year with this seed.
    pub fn new(size: Size, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let tests: Vec<Test> = (0..size.tests).map(|_| Test::new(size.nights, &mut rng)).collect();
        let night = |test: &Test, night| draw(test.rate_at(night), size.trials, &mut rng);
        let mut night = night;
        let positions = tests.iter().map(|test| (0..size.nights).map(|at| night(test, at)).collect()).collect();
        Self { tests, positions }
    }
}

impl Test {
    /// In a hundred tests, 65 always pass, 15 fail in fewer than 2 trials of 100, 15 in 2 to 50, and 5 always.
    fn new(nights: usize, rng: &mut Rng) -> Self {
        let between = |low: f64, high: f64, rng: &mut Rng| low * (high / low).powf(rng.f64());
        let rate = match rng.u32(0..100) {
            0..65 => 0.0,
            65..80 => between(0.0005, 0.02, rng),
            80..95 => between(0.02, 0.5, rng),
            _ => 1.0,
        };
        let mut test = Self { rate, changes: Vec::new() };
        if rng.usize(0..CHANGING) == 0 && nights > 2 * MARGIN {
            let night = rng.usize(MARGIN..nights - MARGIN);
            let after = match rate {
                0.0 => RATES[rng.usize(0..RATES.len())],
                _ if rate < 0.02 => RATES[rng.usize(0..3)],
                1.0 => [0.0, 0.5][rng.usize(0..2)],
                _ => [0.0, rate + 0.2, rate + 0.5][rng.usize(0..3)],
            };
            test.changes.push(Change { night, before: rate, after });
            // Half of them change back.
            let back = night + rng.usize(MARGIN..4 * MARGIN);
            if rng.bool() && back < nights - MARGIN {
                test.changes.push(Change { night: back, before: after, after: rate });
            }
        }
        test
    }

    /// The rate in a night.
    pub fn rate_at(&self, night: usize) -> f64 {
        self.changes.iter().rev().find(|change| change.night <= night).map_or(self.rate, |change| change.after)
    }
}

/// The outcomes of trials at this rate.
pub fn draw(rate: f64, trials: u32, rng: &mut Rng) -> Position {
    let failures = (0..trials).map(|_| u32::from(rng.f64() < rate)).sum();
    Position { failures, passes: trials - failures }
}
