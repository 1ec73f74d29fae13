//! What the kernel said on the console.

use super::clock::Moment;
use model::Onset;
use std::time::Duration;

/// A console line that a signature knows.
#[derive(Debug, Clone)]
pub(super) struct ConsoleHit<T> {
    pub at: Moment,
    pub guest_s: Option<f64>,
    pub line: String,
    pub what: T,
    /// The duration that the line claims.
    pub lasted_s: f64,
}

impl<T> ConsoleHit<T> {
    pub fn new(at: Moment, guest_s: Option<f64>, line: &str, what: T) -> Self {
        Self { at, guest_s, line: line.to_owned(), what, lasted_s: 0.0 }
    }

    /// The beginning of what the line reports, on both clocks; neither goes back before its own beginning.
    pub fn onset(&self) -> Onset {
        let bound_s = self.guest_s.unwrap_or(f64::INFINITY).min(self.at.host.as_secs_f64());
        let lasted = Duration::from_secs_f64(self.lasted_s.min(bound_s).max(0.0));
        // In whole microseconds, the resolution of both clocks.
        let guest_s = self.guest_s.map(|guest_s| ((guest_s - lasted.as_secs_f64()) * 1e6).round() / 1e6);
        Onset { host: self.at.host - lasted, guest_s }
    }
}

/// Whether a message says that the machine restarts or stops by intent (`kernel/reboot.c`, `drivers/tty/sysrq.c`).
pub(super) fn announces_restart(text: &str) -> bool {
    ["reboot: ", "sysrq: Resetting", "SysRq : Resetting"].iter().any(|head| text.starts_with(head))
}
