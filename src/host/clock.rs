//! Clocks. Only this file reads them.

use model::Stamp;
use std::fs::File;
use std::path::Path;
use std::time::SystemTime;
use tokio::time::Instant;

/// Host time since a trial's spawn.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that is zero now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn now(&self) -> Stamp {
        Stamp::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Time since the start as a duration.
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }

    /// The runtime's instant of `stamp`.
    pub fn instant(&self, stamp: Stamp) -> Instant {
        self.0 + std::time::Duration::from_micros(stamp.as_micros())
    }
}

/// Sleeps between two polls of a condition with a deadline. For code that blocks its own thread.
#[expect(clippy::disallowed_methods, reason = "the one place at which a thread sleeps")]
pub fn pause(time: std::time::Duration) {
    std::thread::sleep(time);
}

/// The wall clock in UTC as RFC 3339, in whole seconds: `2026-11-24T10:20:30Z`.
pub fn wall_clock() -> String {
    rfc_3339(now())
}

/// The same in milliseconds.
pub fn wall_clock_ms() -> String {
    now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A time as files have it; the epoch for one before it.
pub fn system_time(time: jiff::Timestamp) -> SystemTime {
    let since = std::time::Duration::from_secs(u64::try_from(time.as_second()).unwrap_or(0));
    SystemTime::UNIX_EPOCH + since
}

/// A time as RFC 3339, in whole seconds.
pub fn rfc_3339(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Today's date in the user's time zone, `2026-11-24`.
pub fn today() -> String {
    jiff::ZonedDateTime::new(now(), jiff::tz::TimeZone::system()).date().to_string()
}

/// The wall clock; the epoch if it is set to a time that has no date.
pub fn now() -> jiff::Timestamp {
    file_time().try_into().unwrap_or_default()
}

/// The wall clock, as files have it.
#[expect(clippy::disallowed_methods, reason = "the edge that reads the wall clock")]
pub fn file_time() -> SystemTime {
    SystemTime::now()
}

/// Sets the time of a file or a folder to now, if it can be set: for times that only order what is removed.
pub fn touch(path: &Path) {
    let _ = File::open(path).and_then(|file| file.set_modified(file_time()));
}
