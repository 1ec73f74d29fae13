//! Texts with units.

/// The seconds of a duration such as `500ms`, `90s`, `1.5h`, `30d` or `2w`; `None` for another text. Units are `ms`, `s`, `m` or `min`,
/// `h`, `d` and `w`.
pub fn parse_seconds(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let factor = match &text[digits.len()..] {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 24.0 * 3600.0,
        "w" => 7.0 * 24.0 * 3600.0,
        _ => return None,
    };
    digits.parse::<f64>().ok().filter(|_| is_plain).map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let known =
            [("500ms", 0.5), ("60s", 60.0), ("2m", 120.0), ("2min", 120.0), ("1.5h", 5400.0), ("2w", 1_209_600.0)];
        for (text, seconds) in known {
            assert_eq!(parse_seconds(text), Some(seconds), "{text}");
        }
        for text in ["", "s", "60", "-1s", "1e9s", "1.2.3s", ".", "infs", "nans", "ß", "8 h", "8hours", "8H"] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
    }
}
