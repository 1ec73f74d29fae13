//! The stop ladder: QMP `quit`, SIGTERM, SIGKILL, each with a deadline. The console is read meanwhile: a full one may block
//! all of QEMU (`pl011_write()` waits until it has written).

use super::error::LabError;
use super::input::Effect;
use crate::guest::StopSignal;
use model::Stamp;
use std::time::Duration;

/// How long QEMU may take to quit.
pub(super) const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
const TERM_TIMEOUT: Duration = Duration::from_secs(2);
/// A killed QEMU that does not exit sits in an uninterruptible wait of the host.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    Quit,
    Terminate,
    Kill,
}

/// Where on the ladder the trial stands.
#[derive(Debug)]
pub(super) struct Stopping {
    rung: Rung,
    deadline: Stamp,
}

impl Stopping {
    /// Begins with the first rung.
    pub fn quit(at: Stamp, effects: &mut Vec<Effect>) -> Self {
        effects.push(Effect::Quit);
        Self { rung: Rung::Quit, deadline: at + QUIT_TIMEOUT }
    }

    /// Begins with the last rung.
    pub fn kill(at: Stamp, effects: &mut Vec<Effect>) -> Self {
        effects.push(Effect::Signal(StopSignal::Kill));
        Self { rung: Rung::Kill, deadline: at + KILL_TIMEOUT }
    }

    pub const fn deadline(&self) -> Stamp {
        self.deadline
    }

    /// Takes the next rung if the time of this one is over.
    pub fn on_deadline(&mut self, at: Stamp, effects: &mut Vec<Effect>) -> Result<(), LabError> {
        if at < self.deadline {
            return Ok(());
        }
        *self = match self.rung {
            Rung::Quit => {
                effects.push(Effect::Signal(StopSignal::Terminate));
                Self { rung: Rung::Terminate, deadline: at + TERM_TIMEOUT }
            }
            Rung::Terminate => Self::kill(at, effects),
            Rung::Kill => {
                let source = std::io::Error::other("it did not exit after SIGKILL");
                return Err(LabError::Io { what: "waiting for QEMU", source });
            }
        };
        Ok(())
    }
}
