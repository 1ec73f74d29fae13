//! How many further trials of the latest run would decide whether the rate has changed.

use super::position::Position;
use super::segment::Changes;
use super::series::Series;
use super::settings::Settings;

/// The further trials are so many that they find a real change with this probability. A third is worth them: in simulated
/// years, less of the budget is left over, and a new failure of rate 0.2 is found sooner than with a half.
const CHANCE: f64 = 1.0 / 3.0;

/// The direction of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More failures.
    Up,
    /// Fewer failures.
    Down,
}

impl Direction {
    /// The direction from one tally to the next; neither is empty.
    pub fn between(before: Position, after: Position) -> Self {
        if after.share() > before.share() { Self::Up } else { Self::Down }
    }
}

/// A change after the found ones that is neither found nor dismissed.
#[derive(Debug, Clone, Copy)]
pub struct Suspicion {
    /// The direction of the change.
    pub direction: Direction,
    /// Its probability.
    pub probability: f64,
    /// Further trials in the last position that would probably decide.
    pub trials_to_decide: u32,
}

impl Suspicion {
    /// The suspicion in a series whose last position has trials; `None` without one, and where [`Settings::max_retries`]
    /// trials would not decide.
    pub fn of(series: &Series, changes: &Changes, settings: &Settings) -> Option<Self> {
        let bounds = changes.bounds(series.len());
        let [.., start, end] = *bounds.as_slice() else { return None };
        let ratio = |at: usize| (at, series.ln_ratio(start, at, end));
        let (at, ratio) = series.candidates(start, end).map(ratio).max_by(|one, other| one.1.total_cmp(&other.1))?;
        let ln_odds = ratio + settings.ln_prior_odds();
        if ln_odds < settings.ln_dismissed_odds() {
            return None;
        }
        let odds = ln_odds.exp();
        let probability = odds / (1.0 + odds);
        let new = series.tally(at, end);
        let is_found = |failures: u32, passes: u32| {
            let ratio = series.ln_ratio_with(start, at, end, Position { failures, passes });
            ratio + settings.ln_prior_odds() >= settings.ln_found_odds()
        };
        let finds = |trials: u32| {
            let chances = settings.rate.after(new.into()).hang_distribution(trials);
            let found = (0..=trials).filter(|failures| is_found(*failures, trials - failures));
            found.map(|failures| chances[failures as usize]).sum::<f64>() >= CHANCE
        };
        let mut bounds = (0, settings.max_retries);
        if bounds.1 == 0 || !finds(bounds.1) {
            return None;
        }
        while bounds.0 + 1 < bounds.1 {
            let middle = bounds.0.midpoint(bounds.1);
            if finds(middle) { bounds.1 = middle } else { bounds.0 = middle }
        }
        let trials_to_decide = bounds.1;
        Some(Self { direction: Direction::between(series.tally(start, at), new), probability, trials_to_decide })
    }
}
