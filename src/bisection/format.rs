//! Figures as text.

use bisect::Estimate;

/// A probability. Rounded down: an answer never looks more certain than it is.
pub fn format_probability(probability: f64) -> String {
    format!("{:.1} %", (1000.0 * probability).floor() / 10.0)
}

/// An estimated rate with its interval.
pub fn format_estimate(estimate: &Estimate) -> String {
    format!("{:.2} ({:.2}–{:.2})", estimate.mean, estimate.low, estimate.high)
}

/// A duration in seconds, minutes or hours.
pub fn format_duration(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probability_is_rounded_down() {
        assert_eq!(format_probability(0.9499), "94.9 %");
        assert_eq!(format_probability(0.99999), "99.9 %");
    }
}
