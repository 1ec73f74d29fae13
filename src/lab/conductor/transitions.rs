//! Transitions between phases.

use super::Conductor;
use crate::guest::Exit;
use crate::lab::diagnosis::KEPT;
use crate::lab::error::LabError;
use crate::lab::input::Effect;
use crate::lab::journal::Journal;
use crate::lab::phase::{Phase, Probing};
use crate::lab::stopping::Stopping;
use model::{Event, Outcome, Probe, Stamp};

impl Conductor {
    /// Enters the next phase if the current one has ended.
    pub(super) fn advance(&mut self, at: Stamp, journal: &mut dyn Journal) -> Result<(), LabError> {
        loop {
            match &mut self.phase {
                Phase::Flushing { is_flushed, is_overdue, .. } => {
                    let is_done = (*is_flushed && self.shutdown_action.is_some()) || *is_overdue;
                    if !is_done {
                        return Ok(());
                    }
                    self.phase = Phase::Watching;
                    if self.shutdown_action == Some(true) {
                        self.is_guest_shut_down = true;
                        let actions = self.recorder.event(at, Event::Down, journal)?;
                        self.act(at, actions, journal)?;
                    } else {
                        self.set_exit_deadline(at);
                    }
                }
                Phase::Watching if self.is_stop_wanted => self.conclude(at, journal)?,
                Phase::Watching if self.probing == Probing::Collecting => {
                    if !self.collect(at, journal)? {
                        return Ok(());
                    }
                }
                Phase::Diagnosing(diagnosis) => {
                    if !diagnosis.advance(at, &mut self.effects, journal) {
                        return Ok(());
                    }
                    diagnosis.finish(journal);
                    self.stop(at);
                }
                Phase::Draining { exit, is_overdue, .. } => {
                    if (self.console_open || self.qmp_open) && !*is_overdue {
                        return Ok(());
                    }
                    let exit = std::mem::take(exit);
                    self.phase = Phase::Over;
                    self.drained(at, exit, journal)?;
                }
                Phase::Connecting | Phase::Watching | Phase::Stopping(_) | Phase::Over => return Ok(()),
            }
        }
    }

    /// Handles the verdict.
    fn conclude(&mut self, at: Stamp, journal: &mut dyn Journal) -> Result<(), LabError> {
        self.effects.push(Effect::AbortProbes);
        let evidence = self.evidence.take();
        let verdict = self.recorder.watchdog.verdict().filter(|verdict| calls_for_evidence(verdict.outcome()));
        let Some(verdict) = verdict else {
            if let Some(evidence) = evidence {
                evidence.finish(journal);
            }
            self.stop(at);
            return Ok(());
        };
        journal.verdict(&verdict)?;
        let mut diagnosis = evidence.unwrap_or_else(|| self.begin_diagnosis(at));
        let stays = self.conditions.keep.contains(&verdict.outcome());
        let earlier = verdict.title.as_ref().and_then(|title| self.conditions.diagnosed.get(title));
        diagnosis.on_verdict(at, self.has_provoked, stays, earlier.copied());
        if self.is_guest_shut_down {
            diagnosis.on_shutdown();
        }
        if self.is_cancelled {
            diagnosis.on_cancel();
        }
        self.phase = Phase::Diagnosing(diagnosis);
        Ok(())
    }

    /// Whether there is a verdict that was acted on, or the guest has ended.
    pub const fn has_concluded(&self) -> bool {
        !matches!(self.phase, Phase::Connecting | Phase::Watching | Phase::Flushing { .. })
    }

    /// Whether the guest stays after the trial.
    pub const fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Why a probe is not made that would change what is to be looked at.
    pub(super) fn spares_guest(&self, probe: Probe) -> Option<&'static str> {
        let is_spared = probe == Probe::Sysrq('f') && self.conditions.keep.contains(&Outcome::Hang);
        is_spared.then_some(KEPT)
    }

    /// Stops QEMU if it is managed and does not stay.
    fn stop(&mut self, at: Stamp) {
        self.effects.push(Effect::AbortProbes);
        self.exit_deadline = None;
        let outcome = self.recorder.watchdog.verdict().map(|verdict| verdict.outcome());
        let stays = outcome.is_some_and(|outcome| self.conditions.keep.contains(&outcome));
        // After a pass there is nothing to see in a machine that is off.
        let is_off = outcome == Some(Outcome::Pass) && self.is_guest_shut_down;
        self.is_kept = self.conditions.is_managed && stays && !is_off && !self.is_cancelled;
        self.phase = if self.conditions.is_managed && !self.is_kept {
            Phase::Stopping(Stopping::quit(at, &mut self.effects))
        } else {
            Phase::Over
        };
    }

    /// QEMU's output has been read completely: its exit is judged last.
    fn drained(&mut self, at: Stamp, exit: Exit, journal: &mut dyn Journal) -> Result<(), LabError> {
        if self.console_open {
            self.recorder.console_end(at, journal)?;
        }
        let Exit { code, signal, stderr, host_oom, oom_limit } = exit;
        self.recorder.event(at, Event::Exited { code, signal, stderr, host_oom, oom_limit }, journal)?;
        Ok(())
    }
}

/// Whether the verdict calls for a diagnosis.
const fn calls_for_evidence(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Hang | Outcome::Crash | Outcome::BootFailed)
}
