//! The confidence interval of a share.

/// z of a two-sided 95 % interval.
const Z: f64 = 1.96;

/// Wilson's 95 % interval of the share `hits / trials` (E. B. Wilson, JASA 22, 1927): it holds for few trials and for shares of 0 and
/// 1, too. Both ends are in 0 to 1; not a number for no trials.
pub fn wilson(hits: u32, trials: u32) -> (f64, f64) {
    let n = f64::from(trials);
    let share = f64::from(hits) / n;
    let centre = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_is_wilsons() {
        // Computed by hand from the formula of the paper.
        for (hits, trials, low, high) in [(3, 20, 0.0524, 0.3604), (0, 20, 0.0, 0.1611), (1, 2, 0.0945, 0.9055)] {
            let (lower, upper) = wilson(hits, trials);
            assert!((lower - low).abs() < 1e-4 && (upper - high).abs() < 1e-4, "{hits}/{trials}: {lower} {upper}");
        }
    }
}
