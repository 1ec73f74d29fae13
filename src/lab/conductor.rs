//! The state machine of a trial, from the spawn to the end of the guest. Pure: time and inputs in, effects out.
//!
//! ```text
//! Connecting ─ console ready → Watching ─ verdict → Diagnosing → Stopping ─ exit → Draining → Over
//!                                 │ ↑ guest shuts down
//!                               Flushing
//! ```

mod evidence;
mod session;
mod transitions;
mod upkeep;

use super::diagnosis::Diagnosis;
use super::error::LabError;
use super::input::{Effect, HostSample, Input, TaskResult};
use super::journal::Journal;
use super::phase::{Conditions, Phase, Probing};
use super::recorder::Recorder;
use super::stopping::Stopping;
use crate::guest::{Exit, GuestEvent};
use model::{Event, Probe, QmpEvent, Stage, Stamp};
use std::collections::VecDeque;
use std::time::Duration;
use watchdog::{Action, Watchdog};

/// Timeout for QEMU's exit after `SHUTDOWN`, before it is killed: a QMP command that arrives at that moment can block QEMU
/// forever (seen with QEMU 7.2, `monitor_cleanup()`). Not for a QEMU whose shutdown action is `pause`.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Timeout for reading the rest of the console after `SHUTDOWN`.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Timeout for reading QEMU's last output after its exit.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Page size of a guest in bytes, unless its agent reports another.
pub(super) const PAGE_BYTES: u32 = 4096;

/// Conducts one trial.
#[derive(Debug)]
pub(super) struct Conductor {
    pub recorder: Recorder,
    conditions: Conditions,
    phase: Phase,
    probing: Probing,
    /// Probes requested by the watchdog; they run one at a time, in order.
    queued_probes: VecDeque<Probe>,
    /// Whether a probe has disturbed the guest.
    has_provoked: bool,
    /// Diagnostics collected before sysrq-f.
    evidence: Option<Diagnosis>,
    /// Whether QEMU pauses on shutdown; `None` before its reply.
    shutdown_action: Option<bool>,
    /// Whether the machine is shut down and paused.
    is_guest_shut_down: bool,
    /// Deadline of QEMU's exit after `SHUTDOWN`.
    exit_deadline: Option<Stamp>,
    /// Whether the watchdog wants the trial to end.
    is_stop_wanted: bool,
    is_cancelled: bool,
    /// Channels that have not ended.
    console_open: bool,
    qmp_open: bool,
    stolen_percent: u32,
    last_reported_stage: Option<Stage>,
    /// Whether the session of the test has been asked for.
    is_test_started: bool,
    /// Whether the guest stays.
    is_kept: bool,
    effects: Vec<Effect>,
}

impl Conductor {
    pub fn new(conditions: Conditions, has_qmp: bool) -> Self {
        Self {
            recorder: Recorder::new(Watchdog::new(conditions.setup.clone())),
            conditions,
            phase: Phase::Connecting,
            probing: Probing::Idle,
            queued_probes: VecDeque::new(),
            has_provoked: false,
            evidence: None,
            shutdown_action: None,
            is_guest_shut_down: false,
            exit_deadline: None,
            is_stop_wanted: false,
            is_cancelled: false,
            console_open: true,
            qmp_open: has_qmp,
            stolen_percent: 0,
            last_reported_stage: None,
            is_test_started: false,
            is_kept: false,
            effects: Vec::new(),
        }
    }

    /// Records the spawn.
    pub fn spawned(&mut self, at: Stamp, journal: &mut dyn Journal) -> Result<(), LabError> {
        let pid = self.conditions.pid.unwrap_or_default();
        let actions = self.recorder.event(at, Event::Spawned { pid }, journal)?;
        self.act(at, actions, journal)
    }

    /// Whether the trial is over.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// When [`Input::Deadline`] is due.
    pub fn deadline(&self) -> Option<Stamp> {
        let own = match &self.phase {
            Phase::Connecting | Phase::Over => None,
            Phase::Watching => {
                let collected = self.evidence.as_ref().and_then(Diagnosis::deadline);
                return earliest(earliest(self.recorder.watchdog.deadline(), collected), self.exit_deadline);
            }
            Phase::Flushing { deadline, .. } | Phase::Draining { deadline, .. } => Some(*deadline),
            Phase::Diagnosing(diagnosis) => diagnosis.deadline(),
            Phase::Stopping(stopping) => Some(stopping.deadline()),
        };
        earliest(own, self.exit_deadline.filter(|_| matches!(self.phase, Phase::Flushing { .. })))
    }

    /// Handles an input; returns its effects in order.
    ///
    /// # Errors
    /// When the trial cannot be recorded, or QEMU cannot be connected to or stopped.
    pub fn on_input(&mut self, at: Stamp, input: Input, journal: &mut dyn Journal) -> Result<Vec<Effect>, LabError> {
        match input {
            Input::Guest(event) => self.on_guest(at, event, journal)?,
            Input::Task(result) => self.on_task(at, result, journal)?,
            Input::Host(sample) => self.on_host(at, sample, journal)?,
            Input::Vcpus(threads) => {
                if !threads.is_empty() && self.is_judging() {
                    let actions = self.recorder.event(at, Event::Vcpus { threads }, journal)?;
                    self.act(at, actions, journal)?;
                }
            }
            Input::Deadline => self.on_deadline(at, journal)?,
            Input::Cancelled => self.on_cancel(at, journal)?,
        }
        self.advance(at, journal)?;
        self.start_test();
        self.steal_vcpu_time();
        self.show(at);
        Ok(std::mem::take(&mut self.effects))
    }

    fn on_guest(&mut self, at: Stamp, event: GuestEvent, journal: &mut dyn Journal) -> Result<(), LabError> {
        match event {
            GuestEvent::ConsoleReady => {
                if matches!(self.phase, Phase::Connecting) {
                    self.phase = Phase::Watching;
                }
                Ok(())
            }
            GuestEvent::ConsoleUnreachable(source) => {
                self.console_open = false;
                match self.phase {
                    Phase::Connecting if !self.is_cancelled => Err(LabError::Console { source }),
                    _ => Ok(()),
                }
            }
            GuestEvent::Console(bytes) => self.on_console(at, &bytes, journal),
            GuestEvent::ConsoleEnd => {
                self.console_open = false;
                let actions = self.recorder.console_end(at, journal)?;
                self.act(at, actions, journal)
            }
            GuestEvent::Qmp(what) => self.on_qmp(at, what, journal),
            GuestEvent::QmpEnd => {
                self.qmp_open = false;
                Ok(())
            }
            GuestEvent::Exited(status) => {
                let exit = status.map_err(|source| LabError::Io { what: "waiting for QEMU", source })?;
                self.on_exit(at, exit, journal);
                Ok(())
            }
        }
    }

    fn on_console(&mut self, at: Stamp, bytes: &[u8], journal: &mut dyn Journal) -> Result<(), LabError> {
        let recorded = self.recorder.console(at, bytes, journal);
        if let Phase::Diagnosing(diagnosis) = &mut self.phase {
            // The verdict does not change: errors of the recorder are ignored.
            diagnosis.on_console(at, bytes);
            return Ok(());
        }
        self.act(at, recorded?, journal)
    }

    fn on_qmp(&mut self, at: Stamp, what: QmpEvent, journal: &mut dyn Journal) -> Result<(), LabError> {
        if let Phase::Diagnosing(diagnosis) = &mut self.phase {
            if matches!(what, QmpEvent::Shutdown(_)) && self.shutdown_action == Some(true) {
                self.is_guest_shut_down = true;
                diagnosis.on_shutdown();
            }
            let _ = self.recorder.event(at, Event::Qmp { what }, journal);
            return Ok(());
        }
        if what == QmpEvent::Connected {
            // QEMU 6.0 and later. How an attached QEMU shuts down is the user's choice.
            if self.conditions.is_managed {
                self.effects.push(Effect::PauseOnShutdown);
            }
            // Without thread ids the verdict has no CPU demand, and a caveat.
            self.effects.push(Effect::QueryVcpus);
        }
        let shutdown = match &what {
            QmpEvent::Shutdown(cause) => Some(cause.is_by_guest()),
            _ => None,
        };
        let actions = self.recorder.event(at, Event::Qmp { what }, journal)?;
        if let Some(is_by_guest) = shutdown
            && matches!(self.phase, Phase::Connecting | Phase::Watching)
        {
            self.on_shutdown(at, is_by_guest);
        }
        self.act(at, actions, journal)
    }

    /// The machine is shut down. After `quit` QEMU exits: it pauses only what the guest shuts down
    /// (QEMU, `qmp_quit()`, `qemu_system_killed()`).
    fn on_shutdown(&mut self, at: Stamp, is_by_guest: bool) {
        self.queued_probes.clear();
        self.abandon_evidence();
        self.probing = Probing::Closed;
        self.effects.push(Effect::AbortProbes);
        if is_by_guest && self.conditions.is_managed && self.shutdown_action != Some(false) {
            self.effects.push(Effect::FlushConsole);
            self.phase = Phase::Flushing { deadline: at + FLUSH_TIMEOUT, is_flushed: false, is_overdue: false };
        } else {
            self.set_exit_deadline(at);
        }
    }

    fn set_exit_deadline(&mut self, at: Stamp) {
        if self.conditions.is_managed {
            self.exit_deadline = self.exit_deadline.or(Some(at + EXIT_TIMEOUT));
        }
    }

    fn on_exit(&mut self, at: Stamp, exit: Exit, journal: &mut dyn Journal) {
        self.end_diagnosis(at, journal);
        self.effects.push(Effect::AbortProbes);
        self.exit_deadline = None;
        self.phase = Phase::Draining { exit, deadline: at + DRAIN_TIMEOUT, is_overdue: false };
    }

    fn on_task(&mut self, at: Stamp, result: TaskResult, journal: &mut dyn Journal) -> Result<(), LabError> {
        match result {
            TaskResult::Threads => {}
            TaskResult::ShutdownAction(pauses) => self.shutdown_action = Some(pauses),
            TaskResult::Flushed => {
                if let Phase::Flushing { is_flushed, .. } = &mut self.phase {
                    *is_flushed = true;
                }
            }
            TaskResult::Probed(event) => {
                if self.probing == Probing::Running {
                    self.probing = Probing::Idle;
                    let actions =
                        event.map(|event| self.recorder.event(at, event, journal)).transpose()?.unwrap_or_default();
                    self.act(at, actions, journal)?;
                }
            }
            TaskResult::Session(result) => self.on_session(at, result, journal)?,
            TaskResult::Step(found) => {
                if let Phase::Diagnosing(diagnosis) = &mut self.phase {
                    diagnosis.on_result(at, found, &mut self.effects);
                } else if let Some(evidence) = &mut self.evidence {
                    evidence.on_result(at, found, &mut self.effects);
                }
            }
        }
        Ok(())
    }

    fn on_host(&mut self, at: Stamp, sample: HostSample, journal: &mut dyn Journal) -> Result<(), LabError> {
        self.last_reported_stage = None;
        if !self.is_judging() {
            return Ok(());
        }
        let late_us = u64::try_from(sample.late.as_micros()).unwrap_or(u64::MAX);
        // Stops by the lab's own throttle are known to the watchdog.
        let stopped = sample.is_stopped && self.stolen_percent == 0;
        let event = Event::Host { late_us, psi_cpu_avg10: sample.psi_cpu_avg10, stopped };
        let actions = self.recorder.event(at, event, journal)?;
        self.act(at, actions, journal)
    }

    fn on_deadline(&mut self, at: Stamp, journal: &mut dyn Journal) -> Result<(), LabError> {
        if self.exit_deadline.is_some_and(|deadline| deadline <= at) {
            self.exit_deadline = None;
            self.end_diagnosis(at, journal);
            self.phase = Phase::Stopping(Stopping::kill(at, &mut self.effects));
            return Ok(());
        }
        if let Some(evidence) = &mut self.evidence {
            evidence.on_deadline(at, &mut self.effects);
        }
        match &mut self.phase {
            Phase::Watching if self.recorder.watchdog.deadline().is_some_and(|deadline| deadline <= at) => {
                let actions = self.recorder.event(at, Event::Tick, journal)?;
                self.act(at, actions, journal)
            }
            Phase::Diagnosing(diagnosis) => {
                diagnosis.on_deadline(at, &mut self.effects);
                Ok(())
            }
            Phase::Stopping(stopping) => stopping.on_deadline(at, &mut self.effects),
            Phase::Flushing { deadline, is_overdue, .. } | Phase::Draining { deadline, is_overdue, .. } => {
                *is_overdue |= *deadline <= at;
                Ok(())
            }
            Phase::Connecting | Phase::Watching | Phase::Over => Ok(()),
        }
    }

    fn on_cancel(&mut self, at: Stamp, journal: &mut dyn Journal) -> Result<(), LabError> {
        self.is_cancelled = true;
        match &mut self.phase {
            Phase::Connecting | Phase::Watching | Phase::Flushing { .. } => {
                if matches!(self.phase, Phase::Connecting) {
                    self.phase = Phase::Watching;
                }
                let actions = self.recorder.event(at, Event::Interrupted, journal)?;
                self.act(at, actions, journal)
            }
            Phase::Diagnosing(diagnosis) => {
                diagnosis.on_cancel();
                Ok(())
            }
            Phase::Stopping(_) | Phase::Draining { .. } | Phase::Over => Ok(()),
        }
    }

    /// Performs the watchdog's actions.
    fn act(&mut self, at: Stamp, actions: Vec<Action>, journal: &mut dyn Journal) -> Result<(), LabError> {
        let mut actions = VecDeque::from(actions);
        loop {
            while let Some(action) = actions.pop_front() {
                match action {
                    Action::Stop => self.is_stop_wanted = true,
                    Action::EndTest => actions.extend(self.end_test(at, journal)?),
                    Action::Probe(probe) if self.probing != Probing::Closed => self.queued_probes.push_back(probe),
                    Action::Probe(_) => {}
                }
            }
            if self.probing != Probing::Idle || self.is_stop_wanted || !self.is_judging() {
                return Ok(());
            }
            if self.queued_probes.front() == Some(&Probe::Sysrq('f')) && self.evidence.is_none() {
                self.evidence = Some(self.begin_diagnosis(at));
                self.probing = Probing::Collecting;
                return Ok(());
            }
            let Some(probe) = self.queued_probes.pop_front() else { return Ok(()) };
            if let Some(why) = self.spares_guest(probe) {
                actions.extend(self.recorder.event(at, Event::ProbeFailed { probe, why: why.to_owned() }, journal)?);
                continue;
            }
            self.probing = Probing::Running;
            self.has_provoked |= matches!(probe, Probe::Sysrq(_));
            actions.extend(self.recorder.event(at, Event::Probed { probe }, journal)?);
            self.effects.push(Effect::Probe { probe, page_bytes: self.page_bytes() });
        }
    }

    fn page_bytes(&self) -> u32 {
        self.recorder.page_bytes.unwrap_or(PAGE_BYTES)
    }

    /// Whether events are still judged.
    const fn is_judging(&self) -> bool {
        matches!(self.phase, Phase::Watching | Phase::Flushing { .. })
    }
}

fn earliest(a: Option<Stamp>, b: Option<Stamp>) -> Option<Stamp> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests;
