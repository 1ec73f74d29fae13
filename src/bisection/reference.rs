//! Which verdicts count as bad.

use super::config::BadCriterion;
use super::entry::{JournalEntry, TrialResult};
use super::search::Search;
use super::verdict::VerdictPattern;
use model::{Kind, Outcome, TrialRecord};

/// The criterion, and the failure that others are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    criterion: BadCriterion,
    /// Verdict and title of the first failure of the bad end.
    first: Option<(String, Option<String>)>,
}

impl Reference {
    /// With the first failure in the journal, if there is one.
    pub fn new(criterion: BadCriterion, search: &Search) -> Self {
        let is_first = |entry: &&JournalEntry| {
            entry.result == TrialResult::Bad
                && search.revision(&entry.commit).is_some_and(|revision| search.is_bad_end(revision))
        };
        let first = search.entries().iter().find(is_first);
        Self { criterion, first: first.and_then(|entry| Some((entry.verdict.clone()?, entry.title.clone()))) }
    }

    /// Whether a verdict that proves nothing of the kernel counts: the workload did not end as it should, and not for the host's sake.
    fn is_of_the_guest(&self, kind: Kind) -> bool {
        self.criterion == BadCriterion::NotPass
            && matches!(kind, Kind::WorkloadFailed | Kind::LoadTimeout | Kind::EarlyPowerOff)
    }

    /// The result of a trial; `None` where the lab failed. The first failure of the bad end becomes the reference.
    pub fn judge(&mut self, record: &TrialRecord, is_bad_end: bool) -> Option<TrialResult> {
        let outcome = record.verdict.outcome();
        match outcome {
            Outcome::LabError => return None,
            Outcome::Inconclusive if self.is_of_the_guest(record.verdict.kind) && !record.as_expected() => {
                return Some(TrialResult::Bad);
            }
            Outcome::Inconclusive => return Some(TrialResult::Other),
            _ if record.as_expected() => return Some(TrialResult::Good),
            Outcome::Pass => return Some(TrialResult::Other),
            Outcome::Hang | Outcome::Crash | Outcome::BootFailed | Outcome::Fail => {}
        }
        let failure = (VerdictPattern::of(&record.verdict).to_string(), record.verdict.title.clone());
        let is_first = is_bad_end && self.first.is_none() && outcome != Outcome::BootFailed;
        if is_first && matches!(self.criterion, BadCriterion::SameKind | BadCriterion::SameTitle) {
            self.first = Some(failure.clone());
        }
        let fits = match (&self.criterion, &self.first) {
            (BadCriterion::Any | BadCriterion::NotPass, _) => true,
            (BadCriterion::Verdict(wanted), _) => wanted.matches(&record.verdict),
            (BadCriterion::SameKind, Some((kind, _))) => *kind == failure.0,
            (BadCriterion::SameTitle, Some(first)) => *first == failure,
            (BadCriterion::SameKind | BadCriterion::SameTitle, None) => outcome != Outcome::BootFailed,
        };
        Some(match outcome {
            _ if fits => TrialResult::Bad,
            // A kernel that does not boot cannot be tried under load.
            Outcome::BootFailed => TrialResult::Skip,
            _ => TrialResult::Other,
        })
    }
}
