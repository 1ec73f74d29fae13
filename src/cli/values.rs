//! Values of command line options.

use arch::Arch;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

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
