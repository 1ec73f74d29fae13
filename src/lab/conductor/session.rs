//! The test that runs over SSH.

use super::Conductor;
use crate::lab::error::LabError;
use crate::lab::input::{Effect, SessionResult};
use crate::lab::journal::Journal;
use model::{Event, SshEvent, Stamp};
use watchdog::Action;

/// The folder of a trial with the files that a test has left.
const FETCHED: &str = "fetched";

impl Conductor {
    /// Starts the test once the guest is ready for load, as its first beat says.
    pub(super) fn start_test(&mut self) {
        let is_ready = self.conditions.setup.ssh && self.recorder.last_beat.is_some();
        if is_ready && self.is_judging() && !self.is_test_started {
            self.is_test_started = true;
            self.effects.push(Effect::StartTest);
        }
    }

    /// The watchdog wants the test to end.
    pub(super) fn end_test(&mut self, at: Stamp, journal: &mut dyn Journal) -> Result<Vec<Action>, LabError> {
        self.effects.push(Effect::EndTest);
        Ok(self.recorder.event(at, Event::Ssh { what: SshEvent::Ending }, journal)?)
    }

    pub(super) fn on_session(
        &mut self,
        at: Stamp,
        result: SessionResult,
        journal: &mut dyn Journal,
    ) -> Result<(), LabError> {
        if !self.is_judging() {
            return Ok(());
        }
        let what = match result {
            SessionResult::LoggedIn => SshEvent::LoggedIn,
            SessionResult::Started => SshEvent::Started,
            SessionResult::Output(bytes) => {
                let actions = self.recorder.test_output(at, &bytes, journal)?;
                return self.act(at, actions, journal);
            }
            SessionResult::Fetched { name, content } => {
                journal.file(&format!("{FETCHED}/{name}"), &content)?;
                return Ok(());
            }
            SessionResult::NotFetched { path, why } => SshEvent::NotFetched { path, why },
            SessionResult::Exited(status) => SshEvent::Exited(status),
            SessionResult::Closed => {
                // The agent powers the machine off.
                self.effects.push(Effect::StopGuest);
                SshEvent::Closed
            }
            SessionResult::Failed(why) => SshEvent::Failed(why),
            SessionResult::LabFailed(error) => return Err(error),
        };
        let mut actions = Vec::new();
        if matches!(what, SshEvent::Exited(_) | SshEvent::Failed(_)) {
            actions = self.recorder.test_end(at, journal)?;
        }
        actions.extend(self.recorder.event(at, Event::Ssh { what }, journal)?);
        self.act(at, actions, journal)
    }
}
