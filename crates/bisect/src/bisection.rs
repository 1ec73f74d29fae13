//! The search itself: samples in, decisions out.

use super::answer::{Counts, Decision, Purpose};
use super::breakage::Breakage;
use super::choice::{Choice, ExpectedGain};
use super::confirmation::Confirmation;
use super::costs::Costs;
use super::evidence::{Belief, Evidence};
use super::history::{History, HistoryError};
use super::premise::Premise;
use super::settings::{Settings, SettingsError};
use super::trial::{Outcome, Revision, Running, Sample, Slot, Task};
use std::collections::{BTreeMap, BTreeSet};

/// While a build runs, a trial starts only for at least this gain, in bits; both gains of trials are for the default least
/// rate, and in proportion to it for rarer failures, of which each trial gains less.
const MIN_TRIAL_BITS_WHILE_BUILDING: f64 = 0.002;
/// A trial starts only for at least this gain, in bits.
const MIN_TRIAL_BITS: f64 = 1e-4;
/// While trials run, a build starts only for at least this gain, in bits.
const MIN_PREFETCH_BITS: f64 = 0.15;
/// A build starts only for at least this gain, in bits.
const MIN_BUILD_BITS: f64 = 0.01;
/// The bad end needs no further trials for the estimate of *p* after so many failures.
const ENOUGH_HANGS: u32 = 20;
/// The same for a bad end that never passed.
const ENOUGH_CERTAIN_HANGS: u32 = 5;
/// A running build is abandoned for one with this many times its gain per second.
const ABANDON_RATIO: f64 = 1.2;

/// A search for the commit that introduced a failure. Pure: the same samples in the same order and the same running
/// jobs lead to the same decision.
#[derive(Debug, Clone)]
pub struct Bisection {
    pub(super) history: History,
    pub(super) settings: Settings,
    pub(super) evidence: Evidence,
    pub(super) costs: Costs,
    pub(super) breakage: Breakage,
    pub(super) built: BTreeSet<Revision>,
    pub(super) untestable: BTreeSet<Revision>,
    pub(super) counts: BTreeMap<Revision, Counts>,
    pub(super) confirmation: Option<Confirmation>,
    pub(super) builds: u32,
}

impl Bisection {
    /// A search without samples.
    ///
    /// # Errors
    ///
    /// When a setting is out of range.
    pub fn new(history: History, settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self {
            evidence: Evidence::new(&history),
            costs: Costs::new(&history, &settings),
            breakage: Breakage::new(&history),
            built: BTreeSet::new(),
            untestable: BTreeSet::new(),
            counts: BTreeMap::new(),
            confirmation: None,
            builds: 0,
            history,
            settings,
        })
    }

    /// The history that is searched.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The outcomes of each revision that was tried.
    pub fn counts(&self) -> &BTreeMap<Revision, Counts> {
        &self.counts
    }

    /// Adds the outcome of a build or a trial.
    ///
    /// # Errors
    ///
    /// When there is no such revision.
    pub fn record(&mut self, sample: Sample) -> Result<(), HistoryError> {
        let Sample { revision, outcome, seconds } = sample;
        if revision as usize >= self.history.revisions() {
            return Err(HistoryError::Unknown(revision));
        }
        let seconds = if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
        match outcome {
            Outcome::Skipped => self.skip(revision),
            Outcome::Built => self.mark_built(revision, seconds),
            Outcome::Hang | Outcome::Pass | Outcome::Other => {
                if self.built.contains(&revision) || self.settings.build_s == 0.0 {
                    self.costs.add_trial(seconds);
                }
                self.mark_built(revision, (seconds - self.costs.trial_s()).max(0.0));
                self.count(revision, outcome);
            }
        }
        self.follow_leader();
        Ok(())
    }

    /// The next job for a free slot while `running` jobs go on. While nothing runs, at least one kind of slot has a job,
    /// or the search is over.
    pub fn decide(&self, slot: Slot, running: &[Running]) -> Decision {
        let beliefs = self.beliefs();
        let premise = self.premise(&beliefs);
        if let Some(answer) = premise.refuted() {
            return Decision::Done(answer);
        }
        let leader = self.leader(&beliefs);
        let spent: u32 = self.counts.values().map(|counts| counts.trials()).sum();
        if self.settings.max_trials.is_some_and(|max| spent >= max) {
            return Decision::Done(self.answer(&beliefs, leader.as_ref(), false));
        }
        let trials = |revision: Revision| {
            let same = |job: &&Running| job.revision == revision && job.task == Task::Trial;
            running.iter().filter(same).count() as u32
        };
        if let Some((confirmation, leader)) = self.confirmation.as_ref().zip(leader.as_ref())
            && leader.posterior >= self.settings.target
        {
            let (p, q) = self.rates_of(&beliefs, leader);
            return match confirmation.next(p, q, 1.0 - self.settings.target, trials) {
                Some((revision, purpose)) => self.run(slot, running, revision, purpose),
                None => Decision::Done(self.answer(&beliefs, Some(leader), true)),
            };
        }
        let choice = self.choice(&beliefs, running, slot);
        if let Some((revision, purpose)) = premise.next(trials) {
            let first = self.run(slot, running, revision, purpose);
            // While trials of the ends run, the builder works ahead.
            let prefetches = slot == Slot::Build && first == Decision::Wait && self.built.contains(&revision);
            return if prefetches { self.prefetch_build(&choice).unwrap_or(Decision::Wait) } else { first };
        }
        self.search(slot, running, &choice).unwrap_or_else(|| {
            if running.is_empty() {
                Decision::Done(self.answer(&beliefs, leader.as_ref(), false))
            } else {
                Decision::Wait
            }
        })
    }

    /// Running builds that are no longer worth finishing: after the latest trials another build gains more.
    pub fn abandon(&self, running: &[Running]) -> Vec<Revision> {
        let beliefs = self.beliefs();
        let leader = self.leader(&beliefs);
        let settled = leader.is_some_and(|leader| leader.posterior >= self.settings.target);
        let is_needed = |revision: Revision| {
            let is_end = self.history.good().contains(&revision) || revision == self.history.bad();
            let confirms = self.confirmation.as_ref().is_some_and(|one| one.revisions().any(|one| one == revision));
            is_end || settled && confirms
        };
        let is_obsolete = |build: &&Running| {
            if settled {
                return true;
            }
            // A build that was started before a revision was decided is judged after the decision.
            if self.choice(&beliefs, running, Slot::Build).has_undecided() {
                return false;
            }
            let others: Vec<Running> = running.iter().filter(|job| job.revision != build.revision).copied().collect();
            let choice = self.choice(&beliefs, &others, Slot::Build);
            let Some(rest) = choice.remaining_build(build) else { return false };
            let threshold = ABANDON_RATIO * rest.bits_per_second();
            // No revision gains more than one bit.
            let is_beatable = threshold * self.costs.min_build_s() < 1.0;
            is_beatable && choice.best_build().is_some_and(|better| better.bits_per_second() > threshold)
        };
        let builds = running.iter().filter(|job| job.task == Task::Build && !is_needed(job.revision));
        builds.filter(is_obsolete).map(|job| job.revision).collect()
    }

    /// The next step of a slot towards a trial of this one revision.
    fn run(&self, slot: Slot, running: &[Running], revision: Revision, purpose: Purpose) -> Decision {
        let is_built = self.built.contains(&revision);
        let is_building = running.iter().any(|job| job.revision == revision && job.task == Task::Build);
        match slot {
            Slot::Build if !is_built && !is_building => Decision::Run { revision, task: Task::Build, purpose },
            Slot::Trial if is_built => Decision::Run { revision, task: Task::Trial, purpose },
            Slot::Any => Decision::Run { revision, task: Task::Trial, purpose },
            Slot::Build | Slot::Trial => Decision::Wait,
        }
    }

    /// The job with the highest gain per second; `None` when no further job gains anything.
    fn search(&self, slot: Slot, running: &[Running], choice: &Choice<'_>) -> Option<Decision> {
        let is_building = running.iter().any(|job| job.task == Task::Build);
        let rarity = (self.settings.min_p / Settings::default().min_p).min(1.0);
        let trial = choice.best_trial().filter(|trial| trial.bits >= MIN_TRIAL_BITS * rarity);
        // Without builds, a revision that was never tried costs no more than another trial.
        let min_bits = if self.settings.build_s == 0.0 { MIN_TRIAL_BITS } else { MIN_BUILD_BITS };
        let build = || choice.best_build().filter(|build| build.bits >= min_bits * rarity);
        match (slot, trial) {
            (Slot::Trial, Some(trial)) if !is_building || trial.bits >= MIN_TRIAL_BITS_WHILE_BUILDING * rarity => {
                Some(self.trial(trial, choice))
            }
            (Slot::Trial, _) if is_building => Some(self.estimate_rate().unwrap_or(Decision::Wait)),
            (Slot::Trial, _) => build().map(|_| Decision::Wait),
            (Slot::Build, None) if running.is_empty() => build().map(|build| self.build(build, Task::Build)),
            (Slot::Build, _) => Some(self.prefetch_build(choice).unwrap_or(Decision::Wait)),
            (Slot::Any, trial) => match (trial, build()) {
                (Some(trial), Some(build)) if trial.bits_per_second() < build.bits_per_second() => {
                    Some(self.build(build, Task::Trial))
                }
                (Some(trial), _) => Some(self.trial(trial, choice)),
                (None, build) => build.map(|build| self.build(build, Task::Trial)),
            },
        }
    }

    fn prefetch_build(&self, choice: &Choice<'_>) -> Option<Decision> {
        choice.best_build().filter(|build| build.bits >= MIN_PREFETCH_BITS).map(|build| self.build(build, Task::Build))
    }

    fn build(&self, ExpectedGain { revision, affected, .. }: ExpectedGain, task: Task) -> Decision {
        Decision::Run { revision, task, purpose: Purpose::Split { affected } }
    }

    fn trial(&self, ExpectedGain { revision, affected, .. }: ExpectedGain, choice: &Choice<'_>) -> Decision {
        let tried = self.counts.contains_key(&revision);
        let purpose = if tried {
            Purpose::Repeat { affected, p: choice.mean(|belief| belief.p) }
        } else {
            Purpose::Split { affected }
        };
        Decision::Run { revision, task: Task::Trial, purpose }
    }

    /// A trial of the bad end: while a build runs, it costs no time.
    fn estimate_rate(&self) -> Option<Decision> {
        let bad = self.history.bad();
        let enough = |counts: &Counts| if counts.passes == 0 { ENOUGH_CERTAIN_HANGS } else { ENOUGH_HANGS };
        let known = self.counts.get(&bad).is_some_and(|counts| counts.hangs >= enough(counts));
        let learns = !known && self.built.contains(&bad);
        learns.then_some(Decision::Run { revision: bad, task: Task::Trial, purpose: Purpose::EstimateRate })
    }

    /// Takes a revision out of the search.
    fn skip(&mut self, revision: Revision) {
        self.untestable.insert(revision);
        self.built.remove(&revision);
        if let Some(position) = self.history.position(revision) {
            self.breakage.mark_broken(&self.history, position);
        }
        // A confirmation that relied on it starts over with other revisions.
        self.confirmation.take_if(|confirmation| confirmation.revisions().any(|one| one == revision));
    }

    fn mark_built(&mut self, revision: Revision, seconds: f64) {
        if self.untestable.contains(&revision) || !self.built.insert(revision) {
            return;
        }
        self.builds += u32::from(seconds > 0.0);
        self.costs.add_build(&self.history, revision, seconds);
        self.costs.add_tree(&self.history, revision);
        self.breakage.end_run();
        self.evidence.split_by(&self.history, revision);
    }

    fn count(&mut self, revision: Revision, outcome: Outcome) {
        self.evidence.count(&self.history, revision, outcome);
        let counts = self.counts.entry(revision).or_default();
        match outcome {
            Outcome::Hang => counts.hangs += 1,
            Outcome::Pass => counts.passes += 1,
            _ => counts.others += 1,
        }
        if counts.hangs + counts.passes == 0 && counts.others >= self.settings.max_others {
            self.skip(revision);
        }
        if let Some(confirmation) = &mut self.confirmation {
            confirmation.count(revision, outcome);
        }
    }

    pub(super) fn beliefs(&self) -> Vec<Belief> {
        self.evidence.beliefs(&self.settings)
    }

    pub(super) fn premise<'a>(&'a self, beliefs: &'a [Belief]) -> Premise<'a> {
        Premise {
            history: &self.history,
            settings: &self.settings,
            counts: &self.counts,
            untestable: &self.untestable,
            beliefs,
        }
    }

    pub(super) fn choice<'a>(&'a self, beliefs: &'a [Belief], running: &'a [Running], slot: Slot) -> Choice<'a> {
        Choice {
            history: &self.history,
            evidence: &self.evidence,
            beliefs,
            costs: &self.costs,
            breakage: &self.breakage,
            built: &self.built,
            running,
            parallel_builds: slot != Slot::Any,
        }
    }
}

#[cfg(test)]
#[path = "bisection_tests.rs"]
mod tests;
