//! Texts of settings → values with units.

use model::{Expectation, Kind, Outcome};

/// The most trials of one cell.
pub(super) const MOST_REPEATS: u32 = 10_000;
/// The longest timeout, in seconds: a week.
const LONGEST_S: f64 = 7.0 * 24.0 * 3600.0;

/// A duration such as `500ms`, `60s`, `2m` or `1.5h`, in seconds.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn duration_s(text: &str) -> Result<f64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let factor = match &text[digits.len()..] {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let seconds = digits.parse::<f64>().map_or(f64::NAN, |number| number * factor);
    if !plain || seconds.is_nan() {
        return Err(format!("`{text}` is not a duration: write for example `500ms`, `60s` or `2m`"));
    }
    if seconds <= 0.0 || seconds > LONGEST_S {
        return Err(format!("`{text}` is out of range: a timeout is longer than zero and at most a week"));
    }
    Ok(seconds)
}

/// A number of trials.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn repeat(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST_REPEATS).contains(number));
    number.ok_or_else(|| format!("`{text}` is not a number of trials from 1 to {MOST_REPEATS}"))
}

/// A number of virtual CPUs.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn vcpus(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|&number| number >= 1);
    number.ok_or_else(|| format!("`{text}` is not a number of vCPUs from 1 on"))
}

/// A verdict such as `crash` or `hang/oom-livelock`.
///
/// # Errors
/// What is wrong with the text, and what was probably meant.
pub(super) fn verdict(text: &str) -> Result<Expectation, (String, Option<String>)> {
    let (outcome_word, kind_word) = match text.split_once('/') {
        Some((outcome, kind)) => (outcome, Some(kind)),
        None => (text, None),
    };
    let meant = |known: Option<&str>| known.map(|word| format!("did you mean `{word}`?"));
    let Some(outcome) = Outcome::from_word(outcome_word) else {
        let label = match Kind::from_word(outcome_word) {
            Some(kind) => Some(format!("a kind: write `{}/{kind}`", kind.outcome())),
            None => meant(super::suggest::closest(outcome_word, Outcome::ALL.iter().map(|o| o.as_str()))),
        };
        return Err((format!("unknown outcome `{outcome_word}`"), label));
    };
    if outcome == Outcome::LabError {
        return Err(("a fault of the lab cannot be expected".to_owned(), None));
    }
    let kind = match kind_word.map(|word| (word, Kind::from_word(word))) {
        None => None,
        Some((_, Some(kind))) if kind.outcome() == outcome => Some(kind),
        Some((word, Some(kind))) => {
            let label = format!("did you mean `{}/{kind}`?", kind.outcome());
            return Err((format!("`{word}` is no kind of `{outcome}`"), Some(label)));
        }
        Some((word, None)) => {
            let kinds = Kind::ALL.iter().map(|kind| kind.as_str());
            return Err((format!("unknown kind `{word}`"), meant(super::suggest::closest(word, kinds))));
        }
    };
    Ok(Expectation { outcome, kind, reason: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [("500ms", 0.5), ("60s", 60.0), ("2m", 120.0), ("1.5h", 5400.0)] {
            assert_eq!(duration_s(text), Ok(seconds));
        }
        for text in ["", "s", "60", "-1s", "0s", "1e9s", "1.2.3s", "8d", "200h", "infs", "nans", "ß"] {
            assert!(duration_s(text).is_err(), "{text}");
        }
    }

    #[test]
    fn verdicts_name_an_outcome_and_its_kind() {
        assert_eq!(verdict("hang/oom-livelock").unwrap().kind, Some(Kind::OomLivelock));
        assert_eq!(verdict("crash").unwrap(), Expectation { outcome: Outcome::Crash, kind: None, reason: None });
        let label = |text: &str| verdict(text).unwrap_err().1.unwrap();
        assert_eq!(label("oom-livelock"), "a kind: write `hang/oom-livelock`");
        assert_eq!(label("pass/oom-livelock"), "did you mean `hang/oom-livelock`?");
        assert_eq!(label("hagn"), "did you mean `hang`?");
        assert_eq!(label("hang/oom-livelok"), "did you mean `oom-livelock`?");
        assert_eq!(verdict("lab-error").unwrap_err().1, None);
    }
}
