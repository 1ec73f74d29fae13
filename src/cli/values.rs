//! Values of command line options.

use arch::Arch;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use model::{Canary, RamMib, duration, parse_seconds};
use std::time::Duration;

/// Reads `--arch`.
pub(super) fn arch_parser() -> impl TypedValueParser<Value = Arch> {
    let value = |arch: &Arch| PossibleValue::new(arch.name).aliases(arch.aliases);
    PossibleValuesParser::new(arch::ALL.iter().map(value)).try_map(|name| name.parse::<Arch>())
}

/// Reads the name of a shell.
pub(super) fn shell_parser() -> PossibleValuesParser {
    PossibleValuesParser::new(super::completion::shells())
}

/// A duration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SecondsError {
    #[error("not a number of seconds")]
    NotANumber,
    #[error("must be from 0.001 to 1000000")]
    OutOfRange,
}

/// Reads a duration in seconds.
///
/// # Errors
/// When the text is not a number, or not from a millisecond to a million seconds.
pub(super) fn seconds(text: &str) -> Result<f64, SecondsError> {
    let value: f64 = text.parse().map_err(|_| SecondsError::NotANumber)?;
    if (1e-3..=1e6).contains(&value) { Ok(value) } else { Err(SecondsError::OutOfRange) }
}

/// Reads `--canary`.
pub(super) fn canary_parser() -> impl TypedValueParser<Value = Canary> {
    let value = |canary: &Canary| PossibleValue::new(canary.as_str());
    PossibleValuesParser::new(Canary::ALL.iter().map(value)).map(|word| Canary::from_word(&word).unwrap_or_default())
}

/// A size that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a size: write for example `500M` or `10G`")]
pub struct SizeError;

/// Reads a size on disk, in bytes.
///
/// # Errors
/// When the text is not a number of MiB or GiB.
pub(super) fn size(text: &str) -> Result<u64, SizeError> {
    text.parse::<RamMib>().map(RamMib::bytes).map_err(|_| SizeError)
}

/// An age that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an age: write for example `12h`, `30d` or `8w`")]
pub(super) struct AgeError;

/// Reads an age, a duration with its unit.
///
/// # Errors
/// When the text is no duration.
pub(super) fn age(text: &str) -> Result<Duration, AgeError> {
    parse_seconds(text).map(duration).ok_or(AgeError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_unit() {
        let hours = |text| age(text).map(|age| age.as_secs() / 3600);
        assert_eq!([hours("12h"), hours("30d"), hours("2w"), hours("0d")], [Ok(12), Ok(720), Ok(336), Ok(0)]);
        assert_eq!(["", "d", "30", "-1d"].map(hours), [const { Err(AgeError) }; 4]);
    }
}
