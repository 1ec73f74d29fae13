//! Granted time: host time less steal time.
//!
//! On a loaded host a guest waits for a CPU; that time must not count against it. The vCPU threads' scheduler
//! statistics say how long they ran and how long they wanted to (`/proc/<pid>/task/<tid>/schedstat`,
//! `Documentation/scheduler/sched-stats.rst`), so the lab counts only the share of each second that the host granted.

use model::{Stamp, ThreadTime};
use std::collections::VecDeque;
use std::time::Duration;

/// A point in host time together with the granted time that had passed by then.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Moment {
    /// Host time.
    pub host: Stamp,
    /// Seconds that the host granted the guest.
    pub granted_s: f64,
    /// Seconds for which the lab itself was late and did not observe the guest.
    pub late_s: f64,
}

impl Moment {
    /// Granted seconds from `earlier` to `self`.
    pub fn granted_since(self, earlier: Self) -> f64 {
        (self.granted_s - earlier.granted_s).max(0.0)
    }

    /// Seconds from `earlier` to `self` for which the lab looked.
    pub fn watched_since(self, earlier: Self) -> f64 {
        (self.host.since(earlier.host).as_secs_f64() - (self.late_s - earlier.late_s)).max(0.0)
    }
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Moment,
    total: ThreadTime,
}

/// Samples kept: at one a second, enough for every window that a rule asks for.
const MAX_SAMPLES: usize = 128;

/// A guest that demands less than this share of a CPU is not slowed down by the host.
const MAX_IDLE_SHARE: f64 = 0.05;

/// Samples for which a process that was found stopped counts as repeatedly stopped.
const STOPPED_SAMPLES: u32 = 3;

/// The smallest share of a second that is counted: even a starved guest comes to its deadline.
const MIN_SHARE: f64 = 0.05;

/// Counts granted time.
#[derive(Debug, Clone)]
pub struct GuestClock {
    now: Moment,
    share: f64,
    /// Samples for which the process still counts as repeatedly stopped.
    stopped_samples: u32,
    /// The share of the time for which the lab itself stops the vCPUs.
    stop_share: f64,
    samples: VecDeque<Sample>,
}

impl Default for GuestClock {
    fn default() -> Self {
        Self { now: Moment::default(), share: 1.0, stopped_samples: 0, stop_share: 0.0, samples: VecDeque::new() }
    }
}

impl GuestClock {
    /// The present.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Share of its CPU demand that the host last granted the guest, from 0.05 to 1.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// The same over the last `window_s` seconds of host time.
    pub fn share_over(&self, window_s: f64) -> f64 {
        let (before, host_s) = self.window(window_s);
        if host_s > 0.0 { (self.now.granted_since(before) / host_s).min(1.0) } else { self.share }
    }

    /// The share of the last `window_s` seconds of host time for which the lab looked: a host that was paused did not run it either.
    pub fn watched_over(&self, window_s: f64) -> f64 {
        let (before, host_s) = self.window(window_s);
        if host_s > 0.0 { self.now.watched_since(before) / host_s } else { 1.0 }
    }

    /// The sample before the last `window_s` seconds, and the time since.
    fn window(&self, window_s: f64) -> (Moment, f64) {
        let begin = self.now.host.as_secs_f64() - window_s;
        let before = self.samples.iter().rev().find(|sample| sample.at.host.as_secs_f64() <= begin);
        let before = before.map_or(Moment::default(), |sample| sample.at);
        (before, self.now.host.since(before.host).as_secs_f64())
    }

    /// Whether QEMU's process is stopped at the moment: it seems idle then, and is not. A process that is stopped again and again
    /// may run at the very moment of a sample.
    pub fn on_process_sample(&mut self, stopped: bool) {
        self.stopped_samples = if stopped { STOPPED_SAMPLES } else { self.stopped_samples.saturating_sub(1) };
    }

    /// The lab itself stops the vCPUs for this share of the time.
    pub fn set_stop_share(&mut self, share: f64) {
        self.stop_share = share.clamp(0.0, 1.0 - MIN_SHARE);
    }

    /// How many times longer than its granted time anything takes because the lab itself stops the vCPUs.
    pub fn stretch(&self) -> f64 {
        1.0 / (1.0 - self.stop_share)
    }

    /// Lets host time pass; time never goes back.
    pub fn advance(&mut self, to: Stamp) {
        self.now.granted_s += to.since(self.now.host).as_secs_f64() * self.share;
        self.now.host = self.now.host.max(to);
    }

    /// Takes the vCPU threads' times at the present moment. The second that has just passed was counted with the share
    /// of the one before it; it is counted again with its own.
    pub fn sample(&mut self, threads: &[ThreadTime]) {
        let total = threads.iter().fold(ThreadTime::default(), |sum, t| ThreadTime {
            ran_us: sum.ran_us + t.ran_us,
            waited_us: sum.waited_us + t.waited_us,
        });
        let before = self.last_sample();
        let host_s = self.now.host.since(before.at.host).as_secs_f64();
        if host_s > 0.0 {
            let ran = total.ran_us.saturating_sub(before.total.ran_us) as f64 / 1e6;
            let waited = total.waited_us.saturating_sub(before.total.waited_us) as f64 / 1e6;
            // While the lab stops the process, it neither runs nor waits, and the guest is not idle.
            let runnable = 1.0 - self.stop_share;
            let share = if self.stop_share > 0.0 && ran + waited > MAX_IDLE_SHARE * runnable * host_s {
                ran / (ran + waited) * runnable
            } else if self.stop_share > 0.0 {
                runnable
            } else if self.stopped_samples > 0 {
                ran / host_s.max(ran + waited)
            } else if ran + waited > MAX_IDLE_SHARE * host_s {
                ran / (ran + waited)
            } else {
                1.0
            };
            let share = share.clamp(MIN_SHARE, 1.0);
            self.now.granted_s += self.now.watched_since(before.at) * (share - self.share);
            self.share = share;
        }
        self.samples.push_back(Sample { at: self.now, total });
        if self.samples.len() > MAX_SAMPLES {
            self.samples.pop_front();
        }
    }

    /// The lab itself was late by `by`, up to now. The guest may have run unobserved: this time is neither granted nor, in the next sample,
    /// stolen.
    pub fn on_late_timer(&mut self, by: Duration) {
        let late_s = by.as_secs_f64().min(self.now.watched_since(self.last_sample().at));
        self.now.granted_s = (self.now.granted_s - late_s * self.share).max(0.0);
        self.now.late_s += late_s;
    }

    fn last_sample(&self) -> Sample {
        self.samples.back().copied().unwrap_or(Sample { at: Moment::default(), total: ThreadTime::default() })
    }

    /// CPUs that the guest ran on or waited for, on average since `since`, and would have while the lab stopped it; `None`
    /// without two samples there.
    pub fn demand(&self, since: Stamp) -> Option<f64> {
        let first = self.samples.iter().find(|sample| sample.at.host >= since)?;
        let last = self.samples.back()?;
        let host_s = last.at.host.since(first.at.host).as_secs_f64();
        let wanted = |s: &Sample| (s.total.ran_us + s.total.waited_us) as f64 / 1e6;
        (host_s > 0.0).then(|| (wanted(last) - wanted(first)) / host_s * self.stretch())
    }

    /// The host time at which `granted_s` more granted seconds will have passed if the host goes on as now; a little later
    /// rather than earlier, so that a deadline has passed when it is looked at.
    pub fn host_time_in(&self, granted_s: f64) -> Stamp {
        self.now.host + Duration::from_secs_f64((granted_s.max(0.0) / self.share).min(1e6)) + Duration::from_millis(1)
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
