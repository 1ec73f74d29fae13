//! Whether the bad end fails and the good end passes.

use super::answer::{Answer, Counts, InvalidPremise, Purpose};
use super::evidence::{Belief, Hypothesis};
use super::history::History;
use super::information;
use super::settings::Settings;
use super::trial::{Revision, Tally};
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
        let ends = [self.history.bad(), self.good()];
        let reason = if let Some(end) = ends.into_iter().find(|end| self.untestable.contains(end)) {
            let always_fails = self.counts(end).others > 0;
            if always_fails { InvalidPremise::OtherFailures(end) } else { InvalidPremise::EndSkipped(end) }
        } else if self.both_fail() {
            if self.settings.inverted { InvalidPremise::BadEndPasses } else { InvalidPremise::GoodEndHangs }
        } else if self.none_fails() {
            if self.settings.inverted { InvalidPremise::GoodEndHangs } else { InvalidPremise::BadEndPasses }
        } else if self.other_end_fails() {
            InvalidPremise::BadEndPasses
        } else {
            return None;
        };
        Some(Answer::InvalidPremise { reason, bad: self.counts(ends[0]), good: self.counts(ends[1]) })
    }

    /// Whether the end that should pass fails as well.
    fn both_fail(&self) -> bool {
        let (hypothesis, fails) = if self.settings.inverted {
            (Hypothesis::NoneAffected, self.failures(self.history.bad()).hangs > 0)
        } else {
            // A good end other than the first may be the one that fails.
            (Hypothesis::AllAffected, self.history.good().iter().any(|good| self.failures(*good).hangs > 0))
        };
        fails && self.posterior(hypothesis) >= self.settings.target
    }

    /// Whether the end that should fail does not, at least not at the least rate. Passes alone count for what they exclude:
    /// no prior takes a rare failure for none.
    fn none_fails(&self) -> bool {
        let (failing, passing) = self.failing_and_passing();
        let excludes = |end: Revision| self.failures(end).excludes(self.settings.min_p, self.settings.target);
        let hypothesis = if self.settings.inverted { Hypothesis::AllAffected } else { Hypothesis::NoneAffected };
        let never_fails = self.failures(failing).hangs == 0 && (!self.settings.either_end || excludes(passing));
        excludes(failing) && (never_fails || self.posterior(hypothesis) >= self.settings.target)
    }

    /// Whether, of ends that may be exchanged, only the good one fails.
    fn other_end_fails(&self) -> bool {
        let [bad, good] = [self.history.bad(), self.good()].map(|end| self.failures(end));
        self.settings.either_end && bad.hangs == 0 && bad.passes > 0 && good.hangs > 0
    }

    fn failing_and_passing(&self) -> (Revision, Revision) {
        let (bad, good) = (self.history.bad(), self.good());
        if self.settings.inverted { (good, bad) } else { (bad, good) }
    }

    /// Failures and passes of an end, as the user counts them.
    fn failures(&self, end: Revision) -> Tally {
        let Tally { hangs, passes } = self.counts(end).tally();
        if self.settings.inverted { Tally { hangs: passes, passes: hangs } } else { Tally { hangs, passes } }
    }

    /// The end to try before the search starts, where `running` gives the number of running trials of a revision. The
    /// bad end has to fail once, or either end where both may; from then on, the end whose trial gains more about the
    /// premise.
    pub fn next(&self, running: impl Fn(Revision) -> u32) -> Option<(Revision, Purpose)> {
        let bad = (self.history.bad(), Purpose::BadEnd);
        let good = (self.good(), Purpose::GoodEnd);
        if self.posterior(Hypothesis::AllAffected).max(self.posterior(Hypothesis::NoneAffected)) <= MAX_DOUBT {
            return None;
        }
        if self.counts(bad.0).hangs == 0 {
            let tried = |end: Revision| if self.settings.either_end { self.counts(end).tally().trials() } else { 0 };
            let of_good_first = running(bad.0) + tried(bad.0) > running(good.0) + tried(good.0);
            return Some(if of_good_first { good } else { bad });
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

    fn counts(&self, revision: Revision) -> Counts {
        self.counts.get(&revision).copied().unwrap_or_default()
    }

    fn posterior(&self, hypothesis: Hypothesis) -> f64 {
        self.beliefs.iter().filter(|belief| belief.hypothesis == hypothesis).map(|belief| belief.posterior).sum()
    }
}

#[cfg(test)]
#[path = "premise_tests.rs"]
mod tests;
