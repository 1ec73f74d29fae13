//! Counts of trials by result.

use super::layout::{Colour, Style};
use model::{Outcome, RunRecord, TrialRecord};

/// A trial's result compared to its expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It passed, as it should.
    Pass,
    /// It failed, as is known.
    KnownFailure,
    /// It failed in another way than expected, as its quarantine says.
    Quarantined,
    /// The user stopped it: nothing is known.
    Stopped,
    /// It ended in another way than expected, a known failure that passed included.
    Unexpected,
}

impl Standing {
    pub fn of(trial: &TrialRecord) -> Self {
        match (trial.as_expected(), trial.verdict.outcome()) {
            (true, Outcome::Pass) => Self::Pass,
            (true, _) => Self::KnownFailure,
            (false, _) if trial.quarantine().is_some() => Self::Quarantined,
            (false, _) if trial.is_interrupted() => Self::Stopped,
            (false, _) => Self::Unexpected,
        }
    }

    pub fn colour(self) -> Colour {
        match self {
            Self::Pass => Colour::Good,
            Self::KnownFailure | Self::Quarantined => Colour::Known,
            Self::Stopped => Colour::Faint,
            Self::Unexpected => Colour::Bad,
        }
    }

    /// A sign of one column, or of two in ASCII.
    pub fn sign(self, style: Style) -> &'static str {
        match (self, style.ascii) {
            (Self::Pass, false) => "✓",
            (Self::Pass, true) => "ok",
            (Self::KnownFailure, false) => "●",
            (Self::KnownFailure, true) => "**",
            (Self::Quarantined, false) => "○",
            (Self::Quarantined, true) => "qq",
            (Self::Stopped, false) => "–",
            (Self::Stopped, true) => "--",
            (Self::Unexpected, false) => "✗",
            (Self::Unexpected, true) => "!!",
        }
    }

    fn words(self, outcome: Outcome) -> String {
        match self {
            Self::Pass => outcome.to_string(),
            Self::KnownFailure => format!("expected {outcome}"),
            Self::Quarantined => format!("quarantined {outcome}"),
            Self::Stopped => "stopped".to_owned(),
            Self::Unexpected => format!("unexpected {outcome}"),
        }
    }
}

/// Numbers of trials as words, what was expected first: `22 pass`, `1 expected hang`, `1 unexpected hang`.
pub(super) fn tally<'t>(trials: impl IntoIterator<Item = &'t TrialRecord>, style: Style) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::new();
    for trial in trials {
        *counts.entry((Standing::of(trial), trial.verdict.outcome())).or_insert(0_usize) += 1;
    }
    let words = |((standing, outcome), trials): (&(Standing, Outcome), &usize)| {
        style.paint(standing.colour(), &format!("{trials} {}", standing.words(*outcome)))
    };
    counts.iter().map(words).collect()
}

/// Number of trials in which the kernel reported something beside the verdict.
pub(super) fn with_reports<'t>(trials: impl IntoIterator<Item = &'t TrialRecord>) -> usize {
    trials.into_iter().filter(|trial| !trial.also.is_empty()).count()
}

/// That number as words; `None` for none.
pub(super) fn reports_note<'t>(trials: impl IntoIterator<Item = &'t TrialRecord>) -> Option<String> {
    let trials = with_reports(trials);
    (trials > 0).then(|| format!("{trials} with kernel reports"))
}

/// The trials that ended in another way than expected and are not quarantined, in the order of the plan.
pub(super) fn unexpected(run: &RunRecord) -> impl Iterator<Item = &TrialRecord> {
    run.trials.iter().filter(|trial| Standing::of(trial) == Standing::Unexpected)
}
