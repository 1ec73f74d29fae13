//! The state machine itself: events in, actions and at last a verdict out.

use super::also;
use super::confirm::Confirmation;
use super::observations::Observations;
use super::rules::{self, Judgement, Stalled};
use super::setup::Setup;
use super::snapshot::{Progress, Snapshot};
use kmsg::signature::Classification;
use model::{Also, Caveat, Event, Outcome, Probe, RuleId, Stage, Stamp, Subtest, Verdict};

/// What the watchdog requests of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Find out more: say so with [`Event::Probed`], then answer with the event that belongs to the probe, without making the
    /// console wait for it.
    Probe(Probe),
    /// Ask the test that runs over SSH to end.
    EndTest,
    /// The verdict stands: end the guest.
    Stop,
}

/// Judges one trial. Pure: time is passed in, nothing is done, nothing fails.
#[derive(Debug, Clone)]
pub struct Watchdog {
    observed: Observations,
    deadline: Option<Stamp>,
    pending: Option<Pending>,
    verdict: Option<Verdict>,
}

/// A verdict that waits for a last probe.
#[derive(Debug, Clone)]
enum Pending {
    Snapshot(Snapshot),
    Confirmation(Box<Confirmation>),
}

impl Watchdog {
    /// A watchdog for a trial that is about to begin.
    pub fn new(setup: Setup) -> Self {
        let mut watchdog = Self { observed: Observations::new(setup), deadline: None, pending: None, verdict: None };
        // Before the first event there is nothing to ask and nothing to end.
        watchdog.evaluate(&mut Vec::new());
        watchdog
    }

    /// Takes one event. After the verdict, events were provoked by the lab and are not judged; but lines may still complete the report
    /// that names the verdict.
    pub fn observe(&mut self, at: Stamp, event: &Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.verdict.is_some() {
            self.observed.namer.observe(event, true, |_| {});
            return actions;
        }
        self.observed.clock.advance(at);
        self.observed.on_event(event);
        match self.pending.take() {
            Some(Pending::Snapshot(snapshot)) => self.await_tasks(snapshot, event, &mut actions),
            Some(Pending::Confirmation(confirmation)) => self.confirm(*confirmation, &mut actions),
            None => self.evaluate(&mut actions),
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
        Some(Verdict {
            title: self.observed.namer.title(verdict, &self.observed.setup.fail_on, &self.subtests()),
            ..verdict.clone()
        })
    }

    /// The kernel's own reports so far.
    pub fn classification(&self) -> Classification {
        self.observed.namer.classification()
    }

    /// The kernel's reports beside the verdict, the gravest first; at most [`Also::MAX`]. What a sysrq letter of the lab may have
    /// provoked does not count, nor does what came after the verdict.
    pub fn also(&self) -> Vec<Also> {
        let own = self.verdict().and_then(|verdict| verdict.title);
        also::beside(&self.classification(), own.as_deref())
    }

    /// What the workload's script has reported of its parts.
    pub fn subtests(&self) -> Vec<Subtest> {
        self.observed.output.results().subtests
    }

    /// Whether the workload is a script, whose output is kept.
    pub fn runs_script(&self) -> bool {
        self.observed.output.format.is_some()
    }

    /// How far the trial has come.
    pub fn stage(&self) -> Stage {
        if self.verdict.is_some() {
            Stage::Judged
        } else if self.observed.finished.is_some() {
            Stage::Finishing
        } else if self.observed.started.is_some() {
            Stage::Loading
        } else if self.observed.agent_up.is_some() {
            Stage::Ready
        } else {
            Stage::Booting
        }
    }

    /// Host time from the spawn to the agent's first frame.
    pub fn booted_at(&self) -> Option<Stamp> {
        self.observed.agent_up.map(|moment| moment.host)
    }

    /// OOM kills that the guest printed or counted so far.
    pub fn oom_kills(&self) -> u64 {
        self.observed.kills()
    }

    /// Granted seconds since the last progress of the canary, once it is late.
    pub fn canary_stuck_s(&self) -> Option<f64> {
        let moved = self.observed.canary_progress?;
        let stuck = self.observed.now().granted_since(moved);
        (stuck > 0.5 * self.observed.stuck_s()).then_some(stuck)
    }

    fn wake_at(&mut self, stamp: Stamp) {
        self.deadline = Some(self.deadline.map_or(stamp, |deadline| deadline.min(stamp)));
    }

    /// Evaluates the rules, and again after each probe that one of them requests.
    fn evaluate(&mut self, actions: &mut Vec<Action>) {
        while let Some(probe) = self.evaluate_rules(actions) {
            self.probe(probe, actions);
        }
    }

    /// Evaluates each rule in order; gives the probe that one of them requests, after which all must be evaluated again.
    fn evaluate_rules(&mut self, actions: &mut Vec<Action>) -> Option<Probe> {
        self.deadline = None;
        for rule in RuleId::ALL {
            match rules::judge(*rule, &self.observed) {
                Judgement::NotApplicable => {}
                Judgement::RecheckAt(stamp) => self.wake_at(stamp),
                Judgement::DeferUntil(stamp) => {
                    self.wake_at(stamp);
                    return None;
                }
                Judgement::Probe(probe) => return Some(probe),
                Judgement::EndTest => {
                    self.observed.session.ending = Some(self.observed.now());
                    actions.push(Action::EndTest);
                    return self.evaluate_rules(actions);
                }
                Judgement::Stalled(stalled) => {
                    self.look_at_tasks(stalled, actions);
                    return None;
                }
                Judgement::Verdict(verdict) => {
                    self.conclude(*verdict, actions);
                    return None;
                }
            }
        }
        None
    }

    fn probe(&mut self, probe: Probe, actions: &mut Vec<Action>) {
        self.observed.probes.record_request(probe, self.observed.now());
        actions.push(Action::Probe(probe));
    }

    /// Has the tasks looked at before the verdict, once since the last progress.
    fn look_at_tasks(&mut self, stalled: Box<Stalled>, actions: &mut Vec<Action>) {
        if self.observed.probes.count_since(Probe::Tasks, stalled.since) > 0 {
            return self.decide(stalled, actions);
        }
        self.probe(Probe::Tasks, actions);
        let snapshot = Snapshot::new(stalled, &self.observed);
        self.deadline = Some(snapshot.deadline(&self.observed));
        self.pending = Some(Pending::Snapshot(snapshot));
    }

    fn await_tasks(&mut self, snapshot: Snapshot, event: &Event, actions: &mut Vec<Action>) {
        match snapshot.on_event(&self.observed, event) {
            Progress::Pending(snapshot, until) => {
                self.deadline = Some(until);
                self.pending = Some(Pending::Snapshot(snapshot));
            }
            Progress::Ended => self.evaluate(actions),
            Progress::Absent(stalled) => self.decide(stalled, actions),
        }
    }

    /// The tasks are known, or cannot be.
    fn decide(&mut self, stalled: Box<Stalled>, actions: &mut Vec<Action>) {
        if !stalled.by_sysrq_f {
            return self.conclude(stalled.verdict, actions);
        }
        let confirmation = Confirmation::new(stalled.verdict, &self.observed);
        self.probe(confirmation.probe(), actions);
        self.confirm(confirmation, actions);
    }

    /// A record ends: a lab without the probe of the tasks ended the trial at the verdict.
    pub(super) fn end_record(&mut self) {
        if let Some(Pending::Snapshot(snapshot)) = self.pending.take()
            && let Some(stalled) = snapshot.unbegun()
        {
            self.decide(stalled, &mut Vec::new());
        }
    }

    fn confirm(&mut self, confirmation: Confirmation, actions: &mut Vec<Action>) {
        match confirmation.poll(&self.observed) {
            Ok(verdict) => self.conclude(verdict, actions),
            Err(until) => {
                self.deadline = Some(until);
                self.pending = Some(Pending::Confirmation(Box::new(confirmation)));
            }
        }
    }

    fn conclude(&mut self, mut verdict: Verdict, actions: &mut Vec<Action>) {
        if verdict.outcome() == Outcome::Pass {
            verdict = rules::reported::instead_of(verdict, &self.observed);
        }
        verdict.lines.truncate(3);
        if verdict.outcome() == Outcome::Hang {
            verdict.caveats.extend(self.observed.pressure());
        }
        verdict.caveats.extend(self.observed.discounted_reports());
        verdict.caveats.extend(rules::console_report::doubted(&self.observed));
        verdict.caveats.extend(self.observed.is_record_full.then_some(Caveat::RecordFull));
        self.verdict = Some(verdict);
        self.deadline = None;
        actions.push(Action::Stop);
    }
}
