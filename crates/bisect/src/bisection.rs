//! The search itself: samples in, decisions out.

use super::answer::{Counts, Decision, Why};
use super::breakage::Breakage;
use super::choice::{Choice, Prospect};
use super::confirmation::Confirmation;
use super::costs::Costs;
use super::ends::Ends;
use super::evidence::{Belief, Evidence};
use super::history::{History, HistoryError};
use super::sample::{Outcome, Revision, Running, Sample, Slot, Task};
use super::settings::{Settings, SettingsError};
use std::collections::{BTreeMap, BTreeSet};

/// Beside a build, a trial is worth its while from this on, in bits.
const LEAST_BESIDE: f64 = 0.002;
/// A trial is made at all from this on, in bits.
const LEAST_TRIAL: f64 = 1e-4;
/// A build is begun ahead, while trials go on, from this on, in bits.
const LEAST_AHEAD: f64 = 0.15;
/// A build is begun at all from this on, in bits.
const LEAST_BUILD: f64 = 0.01;
/// Hangs of the bad end from which on *p* is known well enough.
const ENOUGH_HANGS: u32 = 20;
/// A build is given up for one that tells this many times as much a second.
const MUCH_BETTER: f64 = 1.2;

/// A search for the commit that brought a hang. Pure: the same samples in the same order, and the same jobs running,
/// lead to the same decision.
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
    /// A search that has seen nothing yet.
    ///
    /// # Errors
    ///
    /// When the settings make no sense.
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

    /// What came of each revision that was tried.
    pub fn counts(&self) -> &BTreeMap<Revision, Counts> {
        &self.counts
    }

    /// Takes what came of a build or a trial.
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
            Outcome::Skipped => self.give_up(revision),
            Outcome::Built => self.have_built(revision, seconds),
            Outcome::Hang | Outcome::Pass | Outcome::Other => {
                if self.built.contains(&revision) || self.settings.build_s == 0.0 {
                    self.costs.tried(seconds);
                }
                self.have_built(revision, (seconds - self.costs.trial_s()).max(0.0));
                self.count(revision, outcome);
            }
        }
        self.follow_leader();
        Ok(())
    }

    /// What a free slot should do while `running` goes on. As long as nothing runs, one of the slots has something to do,
    /// or the search is over.
    pub fn decide(&self, slot: Slot, running: &[Running]) -> Decision {
        let beliefs = self.beliefs();
        let ends = self.ends(&beliefs);
        if let Some(answer) = ends.premise() {
            return Decision::Done(answer);
        }
        let leader = self.leader(&beliefs);
        let spent: u32 = self.counts.values().map(|counts| counts.hangs + counts.passes + counts.others).sum();
        if self.settings.most_trials.is_some_and(|most| spent >= most) {
            return Decision::Done(self.answer(&beliefs, leader.as_ref(), false));
        }
        let trials = |revision: Revision| {
            let same = |job: &&Running| job.revision == revision && job.task == Task::Trial;
            running.iter().filter(same).count() as u32
        };
        if let Some((confirmation, leader)) = self.confirmation.as_ref().zip(leader.as_ref())
            && leader.mass >= self.settings.target
        {
            let p = self.p_of(&beliefs, leader);
            return match confirmation.next(p, 1.0 - self.settings.target, trials) {
                Some((revision, why)) => self.run(slot, running, revision, why),
                None => Decision::Done(self.answer(&beliefs, Some(leader), true)),
            };
        }
        let choice = self.choice(&beliefs, running, slot);
        if let Some((revision, why)) = ends.next(trials) {
            let first = self.run(slot, running, revision, why);
            // While trials of the ends go on, the builder goes ahead.
            let ahead = slot == Slot::Build && first == Decision::Wait && self.built.contains(&revision);
            return if ahead { self.build_ahead(&choice).unwrap_or(Decision::Wait) } else { first };
        }
        self.search(slot, running, &choice).unwrap_or_else(|| {
            if running.is_empty() {
                Decision::Done(self.answer(&beliefs, leader.as_ref(), false))
            } else {
                Decision::Wait
            }
        })
    }

    /// Builds that go on but are not worth finishing any more: what trials said meanwhile makes another one tell more.
    pub fn abandon(&self, running: &[Running]) -> Vec<Revision> {
        let beliefs = self.beliefs();
        let leader = self.leader(&beliefs);
        let settled = leader.is_some_and(|leader| leader.mass >= self.settings.target);
        let is_needed = |revision: Revision| {
            let ends = self.history.good().contains(&revision) || revision == self.history.bad();
            let confirms = self.confirmation.as_ref().is_some_and(|one| one.revisions().any(|one| one == revision));
            ends || settled && confirms
        };
        let gives_up = |build: &&Running| {
            if settled {
                return true;
            }
            // What was begun ahead of a decision is judged after it.
            if self.choice(&beliefs, running, Slot::Build).is_open() {
                return false;
            }
            let others: Vec<Running> = running.iter().filter(|job| job.revision != build.revision).copied().collect();
            let choice = self.choice(&beliefs, &others, Slot::Build);
            let Some(rest) = choice.rest_of(build) else { return false };
            let much = MUCH_BETTER * rest.bits_per_second();
            // A revision tells one bit at most.
            let is_beatable = much * self.costs.least_build_s() < 1.0;
            is_beatable && choice.best_build().is_some_and(|better| better.bits_per_second() > much)
        };
        let builds = running.iter().filter(|job| job.task == Task::Build && !is_needed(job.revision));
        builds.filter(gives_up).map(|job| job.revision).collect()
    }

    /// What the slot does for the one revision that must be tried.
    fn run(&self, slot: Slot, running: &[Running], revision: Revision, why: Why) -> Decision {
        let is_built = self.built.contains(&revision);
        let is_building = running.iter().any(|job| job.revision == revision && job.task == Task::Build);
        match slot {
            Slot::Build if !is_built && !is_building => Decision::Run { revision, task: Task::Build, why },
            Slot::Trial if is_built => Decision::Run { revision, task: Task::Trial, why },
            Slot::Any => Decision::Run { revision, task: Task::Trial, why },
            Slot::Build | Slot::Trial => Decision::Wait,
        }
    }

    /// What tells most; `None` when nothing tells anything, or only what runs.
    fn search(&self, slot: Slot, running: &[Running], choice: &Choice<'_>) -> Option<Decision> {
        let builds = running.iter().any(|job| job.task == Task::Build);
        let trial = choice.best_trial().filter(|trial| trial.bits >= LEAST_TRIAL);
        let build = || choice.best_build().filter(|build| build.bits >= LEAST_BUILD);
        match (slot, trial) {
            (Slot::Trial, Some(trial)) if !builds || trial.bits >= LEAST_BESIDE => Some(self.trial(trial, choice)),
            (Slot::Trial, _) if builds => Some(self.learn_rate().unwrap_or(Decision::Wait)),
            (Slot::Trial, _) => build().map(|_| Decision::Wait),
            (Slot::Build, None) if running.is_empty() => build().map(|build| self.build(build, Task::Build)),
            (Slot::Build, _) => Some(self.build_ahead(choice).unwrap_or(Decision::Wait)),
            (Slot::Any, trial) => match (trial, build()) {
                (Some(trial), Some(build)) if trial.bits_per_second() < build.bits_per_second() => {
                    Some(self.build(build, Task::Trial))
                }
                (Some(trial), _) => Some(self.trial(trial, choice)),
                (None, build) => build.map(|build| self.build(build, Task::Trial)),
            },
        }
    }

    fn build_ahead(&self, choice: &Choice<'_>) -> Option<Decision> {
        choice.best_build().filter(|build| build.bits >= LEAST_AHEAD).map(|build| self.build(build, Task::Build))
    }

    fn build(&self, Prospect { revision, affected, .. }: Prospect, task: Task) -> Decision {
        Decision::Run { revision, task, why: Why::Splits { affected } }
    }

    fn trial(&self, Prospect { revision, affected, .. }: Prospect, choice: &Choice<'_>) -> Decision {
        let tried = self.counts.contains_key(&revision);
        let p = choice.beliefs.iter().map(|belief| belief.mass * belief.p.mean()).sum();
        let why = if tried { Why::Again { affected, p } } else { Why::Splits { affected } };
        Decision::Run { revision, task: Task::Trial, why }
    }

    /// While something is built, trials are free.
    fn learn_rate(&self) -> Option<Decision> {
        let bad = self.history.bad();
        let known = self.counts.get(&bad).is_some_and(|counts| counts.hangs >= ENOUGH_HANGS);
        let learns = !known && self.built.contains(&bad);
        learns.then_some(Decision::Run { revision: bad, task: Task::Trial, why: Why::Rate })
    }

    fn give_up(&mut self, revision: Revision) {
        self.untestable.insert(revision);
        self.built.remove(&revision);
        if let Some(position) = self.history.position(revision) {
            self.breakage.broke(&self.history, position);
        }
        // What rests on it must rest on something else.
        self.confirmation.take_if(|confirmation| confirmation.revisions().any(|one| one == revision));
    }

    fn have_built(&mut self, revision: Revision, seconds: f64) {
        if self.untestable.contains(&revision) || !self.built.insert(revision) {
            return;
        }
        self.builds += u32::from(seconds > 0.0);
        self.costs.built(&self.history, revision, seconds);
        self.costs.nearer(&self.history, revision);
        self.breakage.built();
        self.evidence.tell_apart(&self.history, revision);
    }

    fn count(&mut self, revision: Revision, outcome: Outcome) {
        self.evidence.count(&self.history, revision, outcome);
        let counts = self.counts.entry(revision).or_default();
        match outcome {
            Outcome::Hang => counts.hangs += 1,
            Outcome::Pass => counts.passes += 1,
            _ => counts.others += 1,
        }
        if counts.hangs + counts.passes == 0 && counts.others >= self.settings.most_others {
            self.give_up(revision);
        }
        if let Some(confirmation) = &mut self.confirmation {
            confirmation.count(revision, outcome);
        }
    }

    pub(super) fn beliefs(&self) -> Vec<Belief> {
        self.evidence.beliefs(&self.settings)
    }

    pub(super) fn ends<'a>(&'a self, beliefs: &'a [Belief]) -> Ends<'a> {
        Ends {
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
            beside: slot != Slot::Any,
        }
    }
}

#[cfg(test)]
#[path = "bisection_tests.rs"]
mod tests;
