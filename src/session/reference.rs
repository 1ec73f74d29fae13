//! What counts as bad among a lab's verdicts.

use super::record::{Bad, Ended, Entry};
use super::search::Search;
use model::{Outcome, TrialRecord};

/// What counts as bad, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    bad: Bad,
    /// The first failure of the bad end: its verdict and its title.
    first: Option<(String, Option<String>)>,
}

impl Reference {
    /// As the trials so far have shown it.
    pub fn new(bad: Bad, search: &Search) -> Self {
        let is_first = |entry: &&Entry| {
            entry.ended == Ended::Bad
                && search.revision(&entry.commit).is_some_and(|revision| search.is_bad_end(revision))
        };
        let first = search.entries().iter().find(is_first);
        Self { bad, first: first.and_then(|entry| Some((entry.verdict.clone()?, entry.title.clone()))) }
    }

    /// What a trial means; nothing where it was the lab that failed. The first failure of the bad end is what all others are
    /// compared with.
    pub fn judge(&mut self, record: &TrialRecord, is_bad_end: bool) -> Option<Ended> {
        let outcome = record.verdict.outcome();
        match outcome {
            Outcome::LabError => return None,
            Outcome::Inconclusive => return Some(Ended::Other),
            _ if record.as_expected() => return Some(Ended::Good),
            Outcome::Pass => return Some(Ended::Other),
            Outcome::Hang | Outcome::Crash | Outcome::BootFailed => {}
        }
        let failure = (word(record), record.verdict.title.clone());
        let is_first = is_bad_end && self.first.is_none() && outcome != Outcome::BootFailed;
        if is_first && matches!(self.bad, Bad::SameKind | Bad::SameTitle) {
            self.first = Some(failure.clone());
        }
        let fits = match (&self.bad, &self.first) {
            (Bad::Any, _) => true,
            (Bad::Verdict(wanted), _) => *wanted == failure.0 || failure.0.split('/').next() == Some(wanted),
            (Bad::SameKind, Some((kind, _))) => *kind == failure.0,
            (Bad::SameTitle, Some(first)) => *first == failure,
            (Bad::SameKind | Bad::SameTitle, None) => outcome != Outcome::BootFailed,
        };
        Some(match outcome {
            _ if fits => Ended::Bad,
            // What does not come up says nothing of what it would do under load.
            Outcome::BootFailed => Ended::Skip,
            _ => Ended::Other,
        })
    }
}

/// A verdict as matrices write it.
pub fn word(record: &TrialRecord) -> String {
    format!("{}/{}", record.verdict.outcome(), record.verdict.kind)
}
