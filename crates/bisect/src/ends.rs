//! Whether the bad end hangs and the good end does not.

use super::answer::{Answer, Counts, Why, Wrong};
use super::evidence::{Belief, Case};
use super::history::History;
use super::information;
use super::sample::Revision;
use super::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};

/// A premise is established once its contrary has less than this probability; the search goes on to refute the rest.
const DOUBT: f64 = 0.02;

/// What is known of the ends.
pub(super) struct Ends<'a> {
    pub history: &'a History,
    pub settings: &'a Settings,
    pub counts: &'a BTreeMap<Revision, Counts>,
    /// What cannot be built, booted, or only fails in another way.
    pub untestable: &'a BTreeSet<Revision>,
    pub beliefs: &'a [Belief],
}

impl Ends<'_> {
    /// The good end that is tried: the first that can be.
    pub fn good(&self) -> Revision {
        let good = self.history.good();
        good.iter().copied().find(|revision| !self.untestable.contains(revision)).unwrap_or(good[0])
    }

    /// What is wrong with the ends, as soon as it is sure enough.
    pub fn premise(&self) -> Option<Answer> {
        let bad = self.history.bad();
        let ends = [bad, self.good()];
        // A good end other than the first may be the one that hangs.
        let good_hangs = self.history.good().iter().map(|good| self.counts(*good).hangs).max().unwrap_or(0);
        let refuted = self.counts(bad).hangs == 0 && self.counts(bad).passes >= self.most_passes();
        let wrong = if let Some(end) = ends.into_iter().find(|end| self.untestable.contains(end)) {
            let always_fails = self.counts(end).others > 0;
            if always_fails { Wrong::OtherFailures(end) } else { Wrong::EndSkipped(end) }
        } else if self.mass(Case::All) >= self.settings.target && good_hangs > 0 {
            Wrong::GoodEndHangs
        } else if self.mass(Case::None) >= self.settings.target || refuted {
            Wrong::BadEndPasses
        } else {
            return None;
        };
        Some(Answer::Premise { wrong, bad: self.counts(bad), good: self.counts(self.good()) })
    }

    /// Which end is to be tried before all else, when `running` trials of a revision have not ended. The bad end must
    /// hang once; then it is the end that tells more about whether a premise is wrong.
    pub fn next(&self, running: impl Fn(Revision) -> u32) -> Option<(Revision, Why)> {
        let bad = (self.history.bad(), Why::BadEnd);
        let good = (self.good(), Why::GoodEnd);
        if self.mass(Case::All).max(self.mass(Case::None)) <= DOUBT {
            return None;
        }
        if self.counts(bad.0).hangs == 0 {
            return Some(if running(bad.0) > running(good.0) { good } else { bad });
        }
        let bits = |end: Revision, affected: fn(Case) -> bool| {
            let running = running(end);
            let seen = if running > 0 { information::bits(self.beliefs, running, affected) } else { 0.0 };
            information::bits(self.beliefs, running + 1, affected) - seen
        };
        let bad_tells = bits(bad.0, |case| case != Case::None);
        let good_tells = bits(good.0, |case| case == Case::All);
        Some(if bad_tells > good_tells { bad } else { good })
    }

    /// Passes of the bad end that refute the smallest *p* worth a bisection.
    fn most_passes(&self) -> u32 {
        ((1.0 - self.settings.target).ln() / (1.0 - self.settings.least_p).ln()).ceil() as u32
    }

    fn counts(&self, revision: Revision) -> Counts {
        self.counts.get(&revision).copied().unwrap_or_default()
    }

    fn mass(&self, case: Case) -> f64 {
        self.beliefs.iter().filter(|belief| belief.case == case).map(|belief| belief.mass).sum()
    }
}
