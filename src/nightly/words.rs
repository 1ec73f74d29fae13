//! Texts of the configuration → values with units.

use model::parse_seconds;
use std::time::Duration;

/// The longest time that a setting may have: ten years.
const MAX: Duration = Duration::from_secs(3650 * 24 * 3600);

/// A text that is not the value that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WordError {
    #[error("`{0}` is not a duration: write for example `90m`, `8h` or `30d`")]
    Duration(String),
    #[error("`{0}` is too long: ten years are the maximum")]
    TooLong(String),
    #[error("`{0}` is not a share: write for example `10%`")]
    Share(String),
}

/// A duration such as `90m`, `8h`, `30d` or `2w`; `0` needs no unit.
///
/// # Errors
/// When the text is none, or more than ten years.
pub(super) fn duration(text: &str) -> Result<Duration, WordError> {
    let seconds = if text == "0" { Some(0.0) } else { parse_seconds(text) };
    let seconds = seconds.ok_or_else(|| WordError::Duration(text.to_owned()))?;
    if seconds > MAX.as_secs_f64() {
        Err(WordError::TooLong(text.to_owned()))
    } else {
        Ok(Duration::from_secs_f64(seconds))
    }
}

/// A share such as `10%`, as a fraction of one.
///
/// # Errors
/// When the text is no whole number of percent from 0 to 100.
pub(super) fn share(text: &str) -> Result<f64, WordError> {
    let percent = text.strip_suffix('%').and_then(|digits| digits.parse::<u8>().ok()).filter(|percent| *percent <= 100);
    percent.map(|percent| f64::from(percent) / 100.0).ok_or_else(|| WordError::Share(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        let seconds = |text| duration(text).map(|time| time.as_secs()).map_err(|error| error.to_string());
        let read = ["90s", "1.5h", "30d", "2w", "0"].map(|text| seconds(text).unwrap());
        assert_eq!(read, [90, 5400, 2_592_000, 1_209_600, 0]);
        for wrong in ["", "h", "30", "-1h", "8 h"] {
            assert!(seconds(wrong).unwrap_err().contains("is not a duration"), "{wrong}");
        }
        for long in ["3651d", "99999999999999999999d", "18446744073709551615w"] {
            assert!(seconds(long).unwrap_err().contains("too long"), "{long}");
        }
    }

    #[test]
    fn shares_are_in_percent() {
        assert_eq!(["0%", "10%", "100%"].map(share), [Ok(0.0), Ok(0.1), Ok(1.0)]);
        assert!(["10", "101%", "-1%", "1.5%", "%"].iter().all(|text| share(text).is_err()));
    }
}
