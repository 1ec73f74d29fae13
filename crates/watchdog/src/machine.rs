//! The state machine itself: events in, actions and at last a verdict out.

use super::confirm::Confirmation;
use super::rules::{self, Judgement};
use super::seen::Seen;
use super::setup::Setup;
use kmsg::signature::Classification;
use model::{Event, Outcome, Probe, Stage, Stamp, Verdict};

/// What the watchdog wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Find out more: say so with [`Event::Probed`], then answer with the event that belongs to the probe, without making the
    /// console wait for it.
    Probe(Probe),
    /// The verdict stands: end the guest.
    Stop,
}

/// Judges one trial. Pure: time is passed in, nothing is done, nothing fails.
#[derive(Debug, Clone)]
pub struct Watchdog {
    seen: Seen,
    deadline: Option<Stamp>,
    confirmation: Option<Confirmation>,
    verdict: Option<Verdict>,
}

impl Watchdog {
    /// A watchdog for a trial that is about to begin.
    pub fn new(setup: Setup) -> Self {
        let mut watchdog = Self { seen: Seen::new(setup), deadline: None, confirmation: None, verdict: None };
        // Before the first event there is nothing to ask and nothing to end.
        watchdog.judge(&mut Vec::new());
        watchdog
    }

    /// Takes one event. After the verdict, events were provoked by the lab and are not judged; but lines may still complete the report
    /// that names the verdict.
    pub fn observe(&mut self, at: Stamp, event: &Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.verdict.is_some() {
            self.seen.namer.observe(event, |_| {});
            return actions;
        }
        self.seen.clock.advance(at);
        self.seen.take(event);
        match self.confirmation.take() {
            Some(confirmation) => self.confirm(confirmation, &mut actions),
            None => self.judge(&mut actions),
        }
        actions
    }

    /// When an [`Event::Tick`] is due if nothing else happens before; `None` once there is a verdict.
    pub fn deadline(&self) -> Option<Stamp> {
        self.deadline
    }

    /// The verdict, once there is one. It never changes, except that its title is that of all lines so far.
    pub fn verdict(&self) -> Option<Verdict> {
        let verdict = self.verdict.as_ref()?;
        Some(Verdict { title: self.seen.namer.title(verdict), ..verdict.clone() })
    }

    /// The kernel's own reports so far.
    pub fn classification(&self) -> Classification {
        self.seen.namer.classification()
    }

    /// How far the trial has come.
    pub fn stage(&self) -> Stage {
        if self.verdict.is_some() {
            Stage::Judged
        } else if self.seen.finished.is_some() {
            Stage::Finishing
        } else if self.seen.started.is_some() {
            Stage::Loading
        } else if self.seen.hello.is_some() {
            Stage::Ready
        } else {
            Stage::Booting
        }
    }

    /// Host time from the spawn to the agent's hello.
    pub fn booted_at(&self) -> Option<Stamp> {
        self.seen.hello.map(|moment| moment.host)
    }

    /// OOM kills that the guest printed or counted so far.
    pub fn oom_kills(&self) -> u64 {
        self.seen.kills_printed.max(self.seen.kills_counted)
    }

    /// Fair seconds since the canary was last seen to move, once it is late.
    pub fn canary_stuck_s(&self) -> Option<f64> {
        let moved = self.seen.canary_moved?;
        let stuck = self.seen.now().fair_since(moved);
        (stuck > 0.5 * self.seen.stuck_s()).then_some(stuck)
    }

    fn wake_at(&mut self, stamp: Stamp) {
        self.deadline = Some(self.deadline.map_or(stamp, |deadline| deadline.min(stamp)));
    }

    /// Asks the rules, and again whenever one of them wants to know more.
    fn judge(&mut self, actions: &mut Vec<Action>) {
        while let Some(probe) = self.ask_rules(actions) {
            self.probe(probe, actions);
        }
    }

    /// Asks each rule in order; gives the probe that one of them wants, after which all must be asked again.
    fn ask_rules(&mut self, actions: &mut Vec<Action>) -> Option<Probe> {
        self.deadline = None;
        for rule in rules::ALL {
            match (rule.judge)(&self.seen) {
                Judgement::No => {}
                Judgement::At(stamp) => self.wake_at(stamp),
                Judgement::Hold(stamp) => {
                    self.wake_at(stamp);
                    return None;
                }
                Judgement::Ask(probe) => return Some(probe),
                Judgement::Confirm(mut verdict) => {
                    rule.name.clone_into(&mut verdict.rule);
                    let confirmation = Confirmation::begin(*verdict, &self.seen);
                    self.probe(confirmation.probe(), actions);
                    self.confirm(confirmation, actions);
                    return None;
                }
                Judgement::Is(mut verdict) => {
                    rule.name.clone_into(&mut verdict.rule);
                    self.conclude(*verdict, actions);
                    return None;
                }
            }
        }
        None
    }

    fn probe(&mut self, probe: Probe, actions: &mut Vec<Action>) {
        self.seen.inquiry.ask(probe, self.seen.now());
        actions.push(Action::Probe(probe));
    }

    fn confirm(&mut self, confirmation: Confirmation, actions: &mut Vec<Action>) {
        match confirmation.settle(&self.seen) {
            Ok(verdict) => self.conclude(verdict, actions),
            Err(until) => {
                self.deadline = Some(until);
                self.confirmation = Some(confirmation);
            }
        }
    }

    fn conclude(&mut self, mut verdict: Verdict, actions: &mut Vec<Action>) {
        verdict.lines.truncate(3);
        if verdict.outcome() == Outcome::Hang {
            verdict.against.extend(self.seen.pressure());
        }
        verdict.against.extend(self.seen.unheeded());
        self.verdict = Some(verdict);
        self.deadline = None;
        actions.push(Action::Stop);
    }
}
