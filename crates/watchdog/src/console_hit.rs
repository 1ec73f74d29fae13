//! What the kernel said on the console.

use super::clock::Moment;
use kmsg::console::printk::Printk;
use model::Onset;
use std::time::Duration;

/// A guest's clock that runs so many times faster than the host's does not measure durations.
const FAST_CLOCK: f64 = 1.5;

/// The first time of the guest's clock on the console, and when it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct FirstStamp {
    pub guest_s: f64,
    pub at: Moment,
}

impl FirstStamp {
    /// The host's seconds since it was printed. A lab that was late may have read it long after that.
    fn passed_s(&self, at: Moment) -> f64 {
        at.host.since(self.at.host).as_secs_f64() + self.at.late_s
    }

    /// Seconds for which the kernel was up at most when a line was printed. A log that is read at once has no times but its own.
    pub fn uptime_s<T>(&self, hit: &ConsoleHit<T>) -> f64 {
        (self.guest_s + self.passed_s(hit.at)).max(hit.guest_s.unwrap_or(0.0))
    }

    /// How many times faster than the host's the guest's clock has gone until a line was printed. Emulated, one that was calibrated
    /// without CPU time may go twenty times too fast. One that is hardly too fast, or slow, counts as right.
    pub fn clock_rate<T>(&self, hit: &ConsoleHit<T>) -> f64 {
        let (passed_s, Some(guest_s)) = (self.passed_s(hit.at), hit.guest_s) else { return 1.0 };
        let rate = if passed_s >= 1.0 { (guest_s - self.guest_s) / passed_s } else { 1.0 };
        if rate > FAST_CLOCK { rate } else { 1.0 }
    }
}

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

/// When a message was printed: by the guest's clock, or else by when it came.
pub(super) fn seconds(at: Moment, record: &Printk<'_>) -> f64 {
    record.guest_s.unwrap_or(at.host.as_secs_f64())
}
