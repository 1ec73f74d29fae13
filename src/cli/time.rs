//! Times for a person.

use crate::schedule::TimeLeft;

/// The share by which the ends of a range differ from its middle when one figure stands for both.
const MAX_SPREAD: f64 = 0.15;

/// `about 12 min`, `9 to 15 min`.
pub(super) fn range(left: TimeLeft) -> String {
    let TimeLeft { min_s, max_s } = left;
    let middle = f64::midpoint(min_s, max_s);
    let (unit, seconds) = unit(max_s);
    let figure = |time: f64| format!("{:.*}", usize::from(unit == "h"), time / seconds);
    let (low, high) = (figure(min_s), figure(max_s));
    if max_s - middle <= MAX_SPREAD * middle || low == high {
        return format!("about {} {unit}", figure(middle));
    }
    format!("{low} to {high} {unit}")
}

fn unit(time_s: f64) -> (&'static str, f64) {
    match time_s {
        time if time < 100.0 => ("s", 1.0),
        time if time < 100.0 * 60.0 => ("min", 60.0),
        _ => ("h", 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_has_one_figure_while_its_ends_are_close() {
        let shown = |min_s: f64, max_s: f64| range(TimeLeft { min_s, max_s });
        assert_eq!(shown(40.0, 40.0), "about 40 s");
        assert_eq!(shown(570.0, 630.0), "about 10 min");
        assert_eq!(shown(540.0, 900.0), "9 to 15 min");
        assert_eq!(shown(2.0 * 3600.0, 5.0 * 3600.0), "2.0 to 5.0 h");
        assert_eq!(shown(0.0, 0.0), "about 0 s");
        assert_eq!(shown(0.1, 0.4), "about 0 s");
    }
}
