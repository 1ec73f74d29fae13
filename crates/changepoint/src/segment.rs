//! Segments of constant rate.

use super::position::Position;
use super::series::Series;
use super::settings::Settings;
use std::ops::Range;

/// Probability that a start is in its interval.
const COVERAGE: f64 = 0.99;

/// Successive positions with the same failure rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its positions.
    pub positions: Range<usize>,
    /// When its rate began; `None` for the first segment, which is older than the record.
    pub start: Option<Start>,
    /// Its trials.
    pub tally: Position,
}

/// When a rate changed. Positions without trials cannot be told from the position with trials that follows them, and
/// count as part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// The latest position that is surely before the change, with 99.5 %.
    pub after: usize,
    /// The most likely first position with the new rate.
    pub first: usize,
    /// The latest position that may be the first with the new rate, with 99.5 %.
    pub by: usize,
    /// The probability of each position to be the first with the new rate, given that there is this change and given the
    /// changes before and after it. They sum to one.
    pub weights: Vec<(usize, f64)>,
}

/// The most likely segments of a series, oldest first, empty if no position has trials. They partition the series.
///
/// The model: the rate of a segment has the prior [`Settings::rate`], and each position begins a new segment with
/// probability [`Settings::change`]. A change is kept if its odds reach those of [`Settings::found`].
pub fn segments(positions: &[Position], settings: &Settings) -> Vec<Segment> {
    let series = Series::new(positions, settings.rate, 0);
    let changes = Changes::of(&series, settings);
    changes.segments(&series, series.len())
}

/// The best last change in each beginning of a series.
#[derive(Debug)]
pub struct Changes {
    /// The start of the segment that ends before each position, and of the last one.
    starts: Vec<usize>,
}

impl Changes {
    /// Optimal partitioning (B. Jackson et al., IEEE Signal Processing Letters 12, 2005): the best segments up to an end
    /// are the best up to the start of the last one, and that one.
    pub fn of(series: &Series, settings: &Settings) -> Self {
        let cost = settings.ln_prior_odds() - settings.ln_found_odds();
        let candidates: Vec<usize> = series.candidates(0, series.len()).collect();
        if candidates.is_empty() {
            return Self { starts: vec![0; series.len() + 1] };
        }
        let mut scores: Vec<f64> = Vec::with_capacity(series.len() + 1);
        let mut starts = Vec::with_capacity(series.len() + 1);
        for end in 0..=series.len() {
            let mut best = (0, series.ln_marginal(0, end));
            for start in candidates.iter().take_while(|start| **start < end) {
                let score = scores[*start] + cost + series.ln_marginal(*start, end);
                if score > best.1 {
                    best = (*start, score);
                }
            }
            starts.push(best.0);
            scores.push(best.1);
        }
        Self { starts }
    }

    /// The segments of the positions before `end`, oldest first.
    pub fn segments(&self, series: &Series, end: usize) -> Vec<Segment> {
        let bounds = self.bounds(end);
        let segment = |at: usize| {
            let (start, end) = (bounds[at], bounds[at + 1]);
            Segment {
                positions: if start == 0 { 0 } else { series.index(start) }..series.index(end),
                start: (at > 0).then(|| locate(series, bounds[at - 1], end)),
                tally: series.tally(start, end),
            }
        };
        (0..bounds.len() - 1).map(segment).collect()
    }

    /// Where segments begin and end, from zero to `end`; only zero if there is none.
    pub fn bounds(&self, end: usize) -> Vec<usize> {
        let mut bounds = vec![end];
        let mut first = end;
        while first > 0 {
            first = self.starts[first];
            bounds.push(first);
        }
        bounds.reverse();
        bounds
    }
}

/// When the rate changed between `start` and `end`, if it did so once.
fn locate(series: &Series, start: usize, end: usize) -> Start {
    let ratios: Vec<f64> = (start + 1..end).map(|at| series.ln_ratio(start, at, end)).collect();
    let max = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let likely = ratios.iter().position(|ratio| *ratio == max).unwrap_or(0);
    let sum: f64 = ratios.iter().map(|ratio| (ratio - max).exp()).sum();
    let weights: Vec<f64> = ratios.iter().map(|ratio| (ratio - max).exp() / sum).collect();
    let earliest = tail(weights.iter());
    let latest = weights.len() - 1 - tail(weights.iter().rev());
    let index = |at: usize| series.index(start + 1 + at);
    Start {
        after: series.index(start + earliest),
        first: index(likely),
        by: index(latest),
        weights: weights.into_iter().enumerate().map(|(at, weight)| (index(at), weight)).collect(),
    }
}

/// How many of the first weights together do not exceed a tail of the interval.
fn tail<'a>(weights: impl Iterator<Item = &'a f64>) -> usize {
    let mut sum = 0.0;
    weights
        .take_while(|weight| {
            sum += *weight;
            sum <= (1.0 - COVERAGE) / 2.0
        })
        .count()
}
