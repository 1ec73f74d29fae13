//! The axis of host seconds, and values along it.

use super::shape::{LEFT, PLOT, Px, Shape};
use crate::report::timeline::SILENCE;
use model::Stamp;
use std::fmt::Write as _;

/// Columns into which values are gathered: the size of a drawing does not depend on the length of a trial.
const COLUMNS: usize = 375;
/// Space that a tick of the axis takes at least.
const TICK: f64 = 60.0;

pub(super) struct Scale {
    end_s: f64,
}

impl Scale {
    /// From the spawn to `end`.
    pub fn new(end: Stamp) -> Self {
        Self { end_s: end.as_secs_f64().max(0.1) }
    }

    pub fn end_s(&self) -> f64 {
        self.end_s
    }

    pub fn x(&self, at: Stamp) -> f64 {
        LEFT + (at.as_secs_f64() / self.end_s).min(1.0) * PLOT
    }

    fn x_of(column: usize) -> f64 {
        LEFT + column as f64 / COLUMNS as f64 * PLOT
    }

    fn column(&self, at: Stamp) -> usize {
        ((at.as_secs_f64() / self.end_s * COLUMNS as f64) as usize).min(COLUMNS - 1)
    }

    /// Sums by column.
    pub fn sums(&self, values: impl IntoIterator<Item = (Stamp, u64)>) -> Vec<u64> {
        let mut columns = vec![0_u64; COLUMNS];
        for (at, value) in values {
            let column = &mut columns[self.column(at)];
            *column = column.saturating_add(value);
        }
        columns
    }

    /// The worst value of each column. A value holds until the next one comes, though not for longer than a guest may be silent.
    pub fn held(&self, values: impl IntoIterator<Item = (Stamp, u64)>, worse: fn(u64, u64) -> u64) -> Vec<Option<u64>> {
        let mut columns: Vec<Option<u64>> = vec![None; COLUMNS];
        let mut before: Option<(Stamp, u64)> = None;
        for (at, value) in values {
            if let Some((since, old)) = before
                && at.since(since) <= SILENCE
            {
                let between = self.column(since) + 1..self.column(at);
                between.for_each(|column| columns[column] = Some(old));
            }
            let here = &mut columns[self.column(at)];
            *here = Some(here.map_or(value, |other| worse(other, value)));
            before = Some((at, value));
        }
        columns
    }

    /// Ticks and their figures.
    pub fn axis(&self) -> Vec<Shape> {
        let least = self.end_s * TICK / PLOT;
        let decade = 10_f64.powf(least.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade).into_iter().find(|step| *step >= least);
        let step = step.unwrap_or(10.0 * decade);
        let mut shapes = vec![Shape::line("axis", (LEFT, 0.0), (LEFT + PLOT, 0.0))];
        let mut number = 0.0;
        while number * step <= self.end_s {
            let seconds = number * step;
            let x = LEFT + seconds / self.end_s * PLOT;
            shapes.push(Shape::line("axis", (x, 0.0), (x, 4.0)));
            let figure = if step < 1.0 { format!("{seconds:.1}") } else { format!("{seconds:.0}") };
            let unit = if number == 0.0 { " s" } else { "" };
            shapes.push(Shape::text("tick", (x, 16.0), figure + unit));
            number += 1.0;
        }
        shapes
    }
}

/// A place between two values by their logarithms, from 0 to 1.
pub(super) fn log_share(value: f64, low: f64, high: f64) -> f64 {
    let low = low.max(f64::MIN_POSITIVE);
    let share = (value.max(low) / low).ln() / (high.max(low * 1.01) / low).ln();
    share.clamp(0.0, 1.0)
}

/// A line of steps through the columns, broken where there is no value; `y` gives the height of a value.
pub(super) fn steps(columns: &[Option<u64>], y: impl Fn(u64) -> f64) -> String {
    let mut path = String::new();
    let mut open = false;
    for (column, value) in columns.iter().enumerate() {
        let Some(value) = value else {
            open = false;
            continue;
        };
        let (left, right, y) = (Scale::x_of(column), Scale::x_of(column + 1), Px(y(*value)));
        // Writing to a string does not fail.
        let _ = if open { write!(path, "V{y}H{}", Px(right)) } else { write!(path, "M{} {y}H{}", Px(left), Px(right)) };
        open = true;
    }
    path
}

/// Bars from `base` upwards; `height` gives that of a value.
pub(super) fn bars(columns: &[Option<u64>], base: f64, height: impl Fn(u64) -> f64) -> String {
    let mut path = String::new();
    let width = Px(Scale::x_of(1) - Scale::x_of(0));
    for (column, value) in columns.iter().enumerate() {
        if let Some(height) = value.map(&height).filter(|height| *height > 0.0) {
            let _ = write!(path, "M{} {}v{}h{width}v{}z", Px(Scale::x_of(column)), Px(base), Px(-height), Px(height));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_bounded() {
        assert_eq!(log_share(10.0, 1.0, 100.0), 0.5);
        for (value, low, high) in [(0.0, 0.0, 0.0), (5.0, 1.0, 1.0), (1e300, 0.0, 1.0), (1.0, 10.0, 100.0)] {
            assert!((0.0..=1.0).contains(&log_share(value, low, high)), "{value} {low} {high}");
        }
    }

    #[test]
    fn axis_of_any_length_has_few_ticks() {
        for end_s in [0.0, 0.03, 1.0, 17.5, 3600.0, 1e7, 1.8e13] {
            let ticks = Scale::new(Stamp::from_secs_f64(end_s)).axis().len() / 2;
            assert!((2..=14).contains(&ticks), "{end_s}: {ticks}");
        }
    }

    #[test]
    fn drawing_does_not_grow_with_the_record() {
        let scale = Scale::new(Stamp::from_secs_f64(100.0));
        let values = |count: u64| (0..count).map(move |n| (Stamp::from_micros(n * 100_000_000 / count), n % 97));
        let drawn = |count| steps(&scale.held(values(count), u64::max), |value| value as f64).len();
        assert!(drawn(1_000_000) < 8000 && drawn(10) > 10, "{}", drawn(1_000_000));
    }

    #[test]
    fn silence_breaks_the_line() {
        let scale = Scale::new(Stamp::from_secs_f64(10.0));
        let at = Stamp::from_secs_f64;
        let path = steps(&scale.held([(at(1.0), 1), (at(2.0), 1), (at(8.0), 1)], u64::max), |value| value as f64);
        assert_eq!(path.matches('M').count(), 2, "{path}");
    }
}
