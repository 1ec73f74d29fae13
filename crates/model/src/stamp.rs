//! Host time within one trial.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};
use std::time::Duration;

/// Host monotonic time since QEMU was spawned, in microseconds.
///
/// The pure parts of the lab never read a clock: their callers pass a `Stamp` in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(u64);

impl Stamp {
    /// The moment at which QEMU was spawned.
    pub const ZERO: Self = Self(0);

    /// A stamp `us` microseconds after the spawn.
    pub const fn from_micros(us: u64) -> Self {
        Self(us)
    }

    /// A stamp `secs` seconds after the spawn.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs.max(0.0) * 1e6) as u64)
    }

    /// Microseconds since the spawn.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Seconds since the spawn.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Time from `earlier` to `self`; zero if `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The longest duration that [`duration`] returns, in seconds: three centuries, which every clock can add.
const MAX_DURATION_S: f64 = 1e10;

/// A duration of so many seconds that a user, a file or a guest names: none below 0 and for NaN, and three centuries for
/// what is longer. `Duration::from_secs_f64` panics on these.
pub fn duration(seconds: f64) -> Duration {
    if seconds > 0.0 { Duration::from_secs_f64(seconds.min(MAX_DURATION_S)) } else { Duration::ZERO }
}

impl Add<Duration> for Stamp {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Stamp {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_durations_are_bounded() {
        let longest = Duration::from_secs(10_000_000_000);
        for (seconds, expected) in [
            (1.5, Duration::from_millis(1500)),
            (-1.0, Duration::ZERO),
            (f64::NAN, Duration::ZERO),
            (f64::MAX, longest),
            (f64::INFINITY, longest),
        ] {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn stamp_arithmetic_saturates() {
        let t = Stamp::from_micros(5);
        assert_eq!(t - Duration::from_secs(1), Stamp::ZERO);
        assert_eq!(Stamp::ZERO.since(t), Duration::ZERO);
        assert_eq!((t + Duration::from_micros(7)).as_micros(), 12);
        assert_eq!(Stamp::from_micros(u64::MAX) + Duration::from_secs(1), Stamp::from_micros(u64::MAX));
    }
}
