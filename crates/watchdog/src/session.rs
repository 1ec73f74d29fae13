//! The session over which a test is run in a guest with a root disk.

use super::clock::Moment;
use super::ends::Finish;
use super::observations::Observations;
use model::SshEvent;

/// What the session has brought.
#[derive(Debug, Clone, Default)]
pub(super) struct Session {
    /// When the lab had fetched what the test has left.
    pub closed: Option<Moment>,
    /// Lines that the test has printed.
    pub lines: u64,
    /// When it failed, and why.
    pub failed: Option<(Moment, String)>,
    /// When the lab asked the test to end, because its time was almost up.
    pub ending: Option<Moment>,
}

impl Observations {
    pub(super) fn on_ssh(&mut self, now: Moment, what: &SshEvent) {
        match what {
            SshEvent::Started => self.start(now),
            SshEvent::Output { text, more } => {
                self.session.lines += u64::from(!more);
                self.workload_progress = Some(now);
                self.output.add(text, *more, 0);
            }
            SshEvent::OutputDropped { bytes } => {
                self.workload_progress = Some(now);
                self.output.add("", false, *bytes);
            }
            SshEvent::Closed => self.session.closed = Some(now),
            SshEvent::LoggedIn | SshEvent::Ending | SshEvent::NotFetched { .. } => {}
            SshEvent::Exited(status) => {
                self.finish(Finish {
                    at: now,
                    status: *status,
                    units: self.session.lines,
                    why: String::new(),
                    errno: 0,
                });
            }
            SshEvent::Failed(why) => self.session.failed = Some((now, why.clone())),
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
