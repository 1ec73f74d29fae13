//! How QEMU is stopped: QMP `quit`, SIGTERM, SIGKILL, each with a timeout. The console is read meanwhile: a full one may block
//! QEMU (`pl011_write()` blocks until it has written).

use super::error::LabError;
use super::input::Effect;
use crate::guest::StopSignal;
use model::Stamp;
use std::time::Duration;

/// Timeout of QMP `quit`.
pub(super) const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
const TERM_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of SIGKILL: a QEMU that exceeds it is in uninterruptible sleep (D).
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escalation {
    Quit,
    Terminate,
    Kill,
}

/// How far stopping QEMU has come.
#[derive(Debug)]
pub(super) struct Stopping {
    stage: Escalation,
    deadline: Stamp,
}

impl Stopping {
    /// Starts with QMP `quit`.
    pub fn quit(at: Stamp, effects: &mut Vec<Effect>) -> Self {
        effects.push(Effect::Quit);
        Self { stage: Escalation::Quit, deadline: at + QUIT_TIMEOUT }
    }

    /// Starts with SIGKILL.
    pub fn kill(at: Stamp, effects: &mut Vec<Effect>) -> Self {
        effects.push(Effect::Signal(StopSignal::Kill));
        Self { stage: Escalation::Kill, deadline: at + KILL_TIMEOUT }
    }

    pub const fn deadline(&self) -> Stamp {
        self.deadline
    }

    /// Takes the next step if this one has timed out.
    pub fn on_deadline(&mut self, at: Stamp, effects: &mut Vec<Effect>) -> Result<(), LabError> {
        if at < self.deadline {
            return Ok(());
        }
        *self = match self.stage {
            Escalation::Quit => {
                effects.push(Effect::Signal(StopSignal::Terminate));
                Self { stage: Escalation::Terminate, deadline: at + TERM_TIMEOUT }
            }
            Escalation::Terminate => Self::kill(at, effects),
            Escalation::Kill => {
                let source = std::io::Error::other("it did not exit after SIGKILL");
                return Err(LabError::Io { what: "waiting for QEMU", source });
            }
        };
        Ok(())
    }
}
