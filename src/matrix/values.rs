//! Texts of settings → values with units.

use crate::diagnostic::closest;
use model::{ExpectedVerdict, Kind, Outcome, RamError, parse_seconds};

/// The maximum number of trials of one cell.
pub(super) const MAX_REPEAT: u32 = 10_000;
/// The longest timeout, in seconds: a week.
const MAX_TIMEOUT_S: f64 = 7.0 * 24.0 * 3600.0;

/// A text that is not the value that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error("`{0}` is not a duration: write for example `500ms`, `60s` or `2m`")]
    NotADuration(String),
    #[error("`{0}` is out of range: a timeout is longer than zero and at most a week")]
    TimeoutRange(String),
    #[error("`{0}` is not a number of trials from 1 to {MAX_REPEAT}")]
    Repeat(String),
    #[error("`{0}` is not a number of vCPUs from 1 on")]
    Vcpus(String),
    #[error("`{0}` is not a number of vCPUs")]
    NotANumber(String),
    #[error(transparent)]
    Ram(#[from] RamError),
    #[error("only `ram` and `vcpus` can be compared")]
    NotComparable,
}

/// A text that is not a verdict that a matrix may expect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum VerdictError {
    #[error("unknown outcome `{0}`")]
    UnknownOutcome(String),
    #[error("a fault of the lab cannot be expected")]
    LabError,
    #[error("`{kind}` is not a kind of `{outcome}`")]
    OtherOutcome { kind: Kind, outcome: Outcome },
    #[error("unknown kind `{0}`")]
    UnknownKind(String),
}

/// A duration such as `500ms`, `60s`, `2m` or `1.5h`, in seconds.
///
/// # Errors
/// When the text is not one, or is out of range.
pub(super) fn duration_s(text: &str) -> Result<f64, ValueError> {
    let seconds = parse_seconds(text).ok_or_else(|| ValueError::NotADuration(text.to_owned()))?;
    if seconds <= 0.0 || seconds > MAX_TIMEOUT_S {
        return Err(ValueError::TimeoutRange(text.to_owned()));
    }
    Ok(seconds)
}

/// A number of trials.
///
/// # Errors
/// When the text is not one, or is out of range.
pub(super) fn repeat(text: &str) -> Result<u32, ValueError> {
    let number = text.parse().ok().filter(|number| (1..=MAX_REPEAT).contains(number));
    number.ok_or_else(|| ValueError::Repeat(text.to_owned()))
}

/// A number of virtual CPUs.
///
/// # Errors
/// When the text is not one.
pub(super) fn vcpus(text: &str) -> Result<u32, ValueError> {
    let number = text.parse().ok().filter(|&number| number >= 1);
    number.ok_or_else(|| ValueError::Vcpus(text.to_owned()))
}

/// A verdict such as `crash` or `hang/oom-livelock`.
///
/// # Errors
/// When there is no such verdict, or it is a fault of the lab.
pub(super) fn verdict(text: &str) -> Result<ExpectedVerdict, VerdictError> {
    let (outcome_word, kind_word) = match text.split_once('/') {
        Some((outcome, kind)) => (outcome, Some(kind)),
        None => (text, None),
    };
    let outcome =
        Outcome::from_word(outcome_word).ok_or_else(|| VerdictError::UnknownOutcome(outcome_word.to_owned()))?;
    if outcome == Outcome::LabError {
        return Err(VerdictError::LabError);
    }
    let known = |word: &str| Kind::from_word(word).ok_or_else(|| VerdictError::UnknownKind(word.to_owned()));
    let kind = kind_word.map(known).transpose()?;
    match kind.filter(|kind| kind.outcome() != outcome) {
        Some(kind) => Err(VerdictError::OtherOutcome { kind, outcome }),
        None => Ok(ExpectedVerdict { outcome, kind }),
    }
}

impl VerdictError {
    /// What was probably meant.
    pub fn suggestion(&self) -> Option<String> {
        let did_you_mean = |word: &str| format!("did you mean `{word}`?");
        match self {
            Self::UnknownOutcome(word) => match Kind::from_word(word) {
                Some(kind) => Some(format!("a kind: write `{}/{kind}`", kind.outcome())),
                None => closest(word, Outcome::ALL.iter().map(|outcome| outcome.as_str())).map(did_you_mean),
            },
            Self::LabError => None,
            Self::OtherOutcome { kind, .. } => Some(did_you_mean(&format!("{}/{kind}", kind.outcome()))),
            Self::UnknownKind(word) => closest(word, Kind::ALL.iter().map(|kind| kind.as_str())).map(did_you_mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_a_range() {
        assert_eq!([duration_s("500ms"), duration_s("7d")], [Ok(0.5), Ok(604_800.0)]);
        for text in ["0s", "8d", "200h"] {
            assert_eq!(duration_s(text), Err(ValueError::TimeoutRange(text.to_owned())));
        }
        assert_eq!(duration_s("60"), Err(ValueError::NotADuration("60".to_owned())));
    }

    #[test]
    fn verdicts_name_an_outcome_and_its_kind() {
        assert_eq!(verdict("hang/oom-livelock").unwrap().kind, Some(Kind::OomLivelock));
        assert_eq!(verdict("crash").unwrap(), ExpectedVerdict { outcome: Outcome::Crash, kind: None });
        let label = |text: &str| verdict(text).unwrap_err().suggestion().unwrap();
        assert_eq!(label("oom-livelock"), "a kind: write `hang/oom-livelock`");
        assert_eq!(label("pass/oom-livelock"), "did you mean `hang/oom-livelock`?");
        assert_eq!(label("hagn"), "did you mean `hang`?");
        assert_eq!(label("hang/oom-livelok"), "did you mean `oom-livelock`?");
        assert_eq!(verdict("lab-error").unwrap_err().suggestion(), None);
    }
}
