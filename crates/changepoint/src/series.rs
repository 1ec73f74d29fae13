//! Trials of successive runs, prepared for sums and likelihoods in constant time.

use super::position::Position;
use bisect::Beta;
use std::cell::OnceCell;

/// The positions with trials, oldest first, and their sums. Indices are those of the positions with trials only.
#[derive(Debug)]
pub struct Series {
    /// The index of each in the whole series.
    indices: Vec<usize>,
    /// Number of positions in the whole series.
    positions: usize,
    /// The tally before each, and that of all.
    sums: Vec<Position>,
    rate: Beta,
    spare: u32,
    /// Most series always pass, and need none.
    marginals: OnceCell<Marginals>,
}

impl Series {
    /// `spare` is the number of trials that are added to a tally later.
    pub fn new(positions: &[Position], rate: Beta, spare: u32) -> Self {
        let indices: Vec<usize> = (0..positions.len()).filter(|at| !positions[*at].is_empty()).collect();
        let mut sums = Vec::with_capacity(indices.len() + 1);
        let mut sum = Position::default();
        sums.push(sum);
        for at in &indices {
            sum = sum + positions[*at];
            sums.push(sum);
        }
        Self { indices, positions: positions.len(), sums, rate, spare, marginals: OnceCell::new() }
    }

    /// Number of positions with trials.
    pub const fn len(&self) -> usize {
        self.indices.len()
    }

    /// The index of a position in the whole series, where positions without trials belong to the one before them; behind
    /// the last one, the length of the whole series.
    pub fn index(&self, at: usize) -> usize {
        self.indices.get(at).copied().unwrap_or(self.positions)
    }

    /// The trials from position `start` to before position `end`.
    pub fn tally(&self, start: usize, end: usize) -> Position {
        self.sums[end] - self.sums[start]
    }

    /// The logarithm of the marginal likelihood of the trials from `start` to before `end`, if their rate is constant.
    pub fn ln_marginal(&self, start: usize, end: usize) -> f64 {
        self.ln(self.tally(start, end))
    }

    /// The logarithm of the likelihood of one change at `at`, between `start` and `end`, over that of none.
    pub fn ln_ratio(&self, start: usize, at: usize, end: usize) -> f64 {
        self.ln_marginal(start, at) + self.ln_marginal(at, end) - self.ln_marginal(start, end)
    }

    /// As [`Self::ln_ratio`], with further trials in the last position.
    pub fn ln_ratio_with(&self, start: usize, at: usize, end: usize, further: Position) -> f64 {
        let (left, right) = (self.tally(start, at), self.tally(at, end) + further);
        self.ln(left) + self.ln(right) - self.ln(left + right)
    }

    fn ln(&self, tally: Position) -> f64 {
        let max_trials = || self.sums.last().map_or(0, |all| all.trials()) + self.spare;
        self.marginals.get_or_init(|| Marginals::new(self.rate, max_trials())).ln(tally)
    }

    /// Positions between `start` and `end` where a change can be most likely. Between two positions whose trials all pass, or all fail, it is not: the
    /// marginal likelihood is log-convex in the number of passes and in that of failures, so that a change at one of the
    /// ends of such positions is at least as likely.
    pub fn candidates(&self, start: usize, end: usize) -> impl Iterator<Item = usize> {
        let is_uniform = move |at: usize| {
            let (before, after) = (self.tally(at - 1, at), self.tally(at, at + 1));
            before.failures + after.failures == 0 || before.passes + after.passes == 0
        };
        (start + 1..end).filter(move |at| !is_uniform(*at))
    }
}

/// Logarithms of marginal likelihoods ([`Beta::ln_marginal`]) out of tables of rising factorials.
#[derive(Debug)]
struct Marginals {
    failures: Vec<f64>,
    passes: Vec<f64>,
    trials: Vec<f64>,
}

impl Marginals {
    fn new(rate: Beta, max_trials: u32) -> Self {
        let rising = |from: f64| {
            let mut ln = 0.0;
            let mut table = Vec::with_capacity(max_trials as usize + 1);
            table.push(ln);
            for at in 0..max_trials {
                ln += (from + f64::from(at)).ln();
                table.push(ln);
            }
            table
        };
        Self { failures: rising(rate.hangs), passes: rising(rate.passes), trials: rising(rate.hangs + rate.passes) }
    }

    fn ln(&self, tally: Position) -> f64 {
        self.failures[tally.failures as usize] + self.passes[tally.passes as usize]
            - self.trials[tally.trials() as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Beta = Beta { hangs: 0.05, passes: 0.5 };

    #[test]
    fn marginal_likelihoods_are_those_of_beta() {
        let marginals = Marginals::new(RATE, 5000);
        for (failures, passes) in [(0, 0), (1, 0), (0, 1), (3, 7), (5000, 0), (17, 4000)] {
            let tally = Position { failures, passes };
            let expected = RATE.ln_marginal(tally.into());
            assert!((marginals.ln(tally) - expected).abs() < 1e-8 * (1.0 + expected.abs()), "{tally:?}");
        }
    }

    #[test]
    fn marginal_likelihood_is_the_product_of_predictions() {
        // One failure, then two passes: 0.05/0.55 · 0.5/1.55 · 1.5/2.55.
        let positions = [Position { failures: 1, passes: 0 }, Position { failures: 0, passes: 2 }];
        let series = Series::new(&positions, RATE, 0);
        let product: f64 = 0.05 / 0.55 * (0.5 / 1.55) * (1.5 / 2.55);
        assert!((series.ln_marginal(0, 2).exp() - product).abs() < 1e-12);
        // With a change in between: 0.05/0.55 · 0.5/0.55 · 1.5/1.55.
        let changed: f64 = 0.05 / 0.55 * (0.5 / 0.55) * (1.5 / 1.55);
        assert!((series.ln_ratio(0, 1, 2).exp() - changed / product).abs() < 1e-9);
    }
}
