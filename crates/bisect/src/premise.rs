//! Whether the bad end fails and the good end passes.

use super::answer::{Answer, Counts, InvalidPremise, Purpose};
use super::evidence::{Belief, Hypothesis};
use super::history::History;
use super::information;
use super::settings::Settings;
use super::trial::Revision;
use std::collections::{BTreeMap, BTreeSet};

/// The search starts once the premise is wrong with at most this probability; its trials refute the rest.
const MAX_DOUBT: f64 = 0.02;

/// The premise of a search, and the evidence about it.
pub(super) struct Premise<'a> {
    pub history: &'a History,
    pub settings: &'a Settings,
    pub counts: &'a BTreeMap<Revision, Counts>,
    /// Revisions that cannot be built or booted, or that only have other failures.
    pub untestable: &'a BTreeSet<Revision>,
    pub beliefs: &'a [Belief],
}

impl Premise<'_> {
    /// The good end that is tried: the first testable one.
    pub fn good(&self) -> Revision {
        let good = self.history.good();
        good.iter().copied().find(|revision| !self.untestable.contains(revision)).unwrap_or(good[0])
    }

    /// The answer, once the premise is wrong with enough certainty.
    pub fn refuted(&self) -> Option<Answer> {
        let bad = self.history.bad();
        let ends = [bad, self.good()];
        // A good end other than the first may be the one that fails.
        let good_hangs = self.history.good().iter().map(|good| self.counts(*good).hangs).max().unwrap_or(0);
        let only_passes = self.counts(bad).hangs == 0 && self.counts(bad).passes >= self.refuting_passes();
        let reason = if let Some(end) = ends.into_iter().find(|end| self.untestable.contains(end)) {
            let always_fails = self.counts(end).others > 0;
            if always_fails { InvalidPremise::OtherFailures(end) } else { InvalidPremise::EndSkipped(end) }
        } else if self.posterior(Hypothesis::AllAffected) >= self.settings.target && good_hangs > 0 {
            InvalidPremise::GoodEndHangs
        } else if self.posterior(Hypothesis::NoneAffected) >= self.settings.target || only_passes {
            InvalidPremise::BadEndPasses
        } else {
            return None;
        };
        Some(Answer::InvalidPremise { reason, bad: self.counts(bad), good: self.counts(self.good()) })
    }

    /// The end to try before the search starts, where `running` gives the number of running trials of a revision. The
    /// bad end has to fail once; from then on, the end whose trial gains more about the premise.
    pub fn next(&self, running: impl Fn(Revision) -> u32) -> Option<(Revision, Purpose)> {
        let bad = (self.history.bad(), Purpose::BadEnd);
        let good = (self.good(), Purpose::GoodEnd);
        if self.posterior(Hypothesis::AllAffected).max(self.posterior(Hypothesis::NoneAffected)) <= MAX_DOUBT {
            return None;
        }
        if self.counts(bad.0).hangs == 0 {
            return Some(if running(bad.0) > running(good.0) { good } else { bad });
        }
        let bits = |end: Revision, affected: fn(Hypothesis) -> bool| {
            let running = running(end);
            let seen = if running > 0 { information::bits(self.beliefs, running, affected) } else { 0.0 };
            information::bits(self.beliefs, running + 1, affected) - seen
        };
        let bad_bits = bits(bad.0, |hypothesis| hypothesis != Hypothesis::NoneAffected);
        let good_bits = bits(good.0, |hypothesis| hypothesis == Hypothesis::AllAffected);
        Some(if bad_bits > good_bits { bad } else { good })
    }

    /// The number of passes of the bad end that refutes the smallest *p* worth a bisection.
    fn refuting_passes(&self) -> u32 {
        ((1.0 - self.settings.target).ln() / (1.0 - self.settings.min_p).ln()).ceil() as u32
    }

    fn counts(&self, revision: Revision) -> Counts {
        self.counts.get(&revision).copied().unwrap_or_default()
    }

    fn posterior(&self, hypothesis: Hypothesis) -> f64 {
        self.beliefs.iter().filter(|belief| belief.hypothesis == hypothesis).map(|belief| belief.posterior).sum()
    }
}
