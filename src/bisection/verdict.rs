//! Verdicts as users write them: an outcome, or an outcome and a kind.

use model::{Kind, Outcome, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Verdicts of a failing kernel: `hang`, or `hang/oom-livelock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerdictPattern {
    outcome: Outcome,
    kind: Option<Kind>,
}

/// A word that is no verdict of a failing kernel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no failure of a kernel; docs/verdicts.md lists all")]
pub struct UnknownVerdict(pub String);

impl VerdictPattern {
    /// Exactly this verdict.
    pub fn of(verdict: &Verdict) -> Self {
        Self { outcome: verdict.outcome(), kind: Some(verdict.kind) }
    }

    /// Whether a verdict is one of these.
    pub fn matches(&self, verdict: &Verdict) -> bool {
        self.outcome == verdict.outcome() && self.kind.is_none_or(|kind| kind == verdict.kind)
    }
}

impl FromStr for VerdictPattern {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, UnknownVerdict> {
        let unknown = || UnknownVerdict(text.to_owned());
        let (outcome, kind) = text.split_once('/').map_or((text, None), |(outcome, kind)| (outcome, Some(kind)));
        let outcome = Outcome::from_word(outcome)
            .filter(|outcome| matches!(outcome, Outcome::Hang | Outcome::Crash | Outcome::BootFailed | Outcome::Fail));
        let kind = kind.map(|kind| Kind::from_word(kind).ok_or_else(unknown)).transpose()?;
        Ok(Self { outcome: outcome.ok_or_else(unknown)?, kind })
    }
}

impl fmt::Display for VerdictPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{}/{kind}", self.outcome),
            None => write!(f, "{}", self.outcome),
        }
    }
}

impl TryFrom<String> for VerdictPattern {
    type Error = UnknownVerdict;

    fn try_from(text: String) -> Result<Self, UnknownVerdict> {
        text.parse()
    }
}

impl From<VerdictPattern> for String {
    fn from(pattern: VerdictPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_pattern_is_an_outcome_with_or_without_kind() {
        for text in ["hang", "hang/oom-livelock", "crash/oops"] {
            assert_eq!(text.parse::<VerdictPattern>().unwrap().to_string(), text);
        }
        for text in ["pass", "hang/", "crash/ops", "lab-error"] {
            assert!(text.parse::<VerdictPattern>().is_err(), "{text}");
        }
    }
}
