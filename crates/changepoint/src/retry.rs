//! How many further trials of the latest run would decide whether the rate has changed.

use super::position::Position;
use super::segment::Changes;
use super::series::Series;
use super::settings::Settings;

/// The further trials are so many that they decide with this probability.
const CERTAINTY: f64 = 0.8;

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
        let (at, ratio) = (start + 1..end).map(ratio).max_by(|one, other| one.1.total_cmp(&other.1))?;
        let ln_odds = ratio + settings.ln_prior_odds();
        if ln_odds < settings.ln_dismissed_odds() {
            return None;
        }
        let odds = ln_odds.exp();
        let changed = odds / (1.0 + odds);
        let (all, new) = (series.tally(start, end), series.tally(at, end));
        let is_decided = |failures: u32, passes: u32| {
            let ratio = series.ln_ratio_with(start, at, end, Position { failures, passes });
            let ln_odds = ratio + settings.ln_prior_odds();
            ln_odds >= settings.ln_found_odds() || ln_odds < settings.ln_dismissed_odds()
        };
        let decides = |trials: &u32| {
            let with_change = settings.rate.after(new.into()).hang_distribution(*trials);
            let without = settings.rate.after(all.into()).hang_distribution(*trials);
            let chance = |failures: u32| {
                let at = failures as usize;
                changed * with_change[at] + (1.0 - changed) * without[at]
            };
            let decided = (0..=*trials).filter(|failures| is_decided(*failures, trials - failures));
            decided.map(chance).sum::<f64>() >= CERTAINTY
        };
        let trials_to_decide = (1..=settings.max_retries).find(decides)?;
        Some(Self { direction: Direction::between(series.tally(start, at), new), trials_to_decide })
    }
}
