//! Time as the guest could use it.
//!
//! On a loaded host a guest waits for a CPU; that time must not count against it. The vCPU threads' scheduler
//! statistics say how long they ran and how long they wanted to (`/proc/<pid>/task/<tid>/schedstat`,
//! `Documentation/scheduler/sched-stats.rst`), so the lab counts only the share of each second that the guest got.

use model::{Stamp, ThreadTime};
use std::collections::VecDeque;
use std::time::Duration;

/// A point in host time together with the fair time that had passed by then.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Moment {
    /// Host time.
    pub host: Stamp,
    /// Seconds that the guest could use.
    pub fair_s: f64,
}

impl Moment {
    /// Fair seconds from `earlier` to `self`.
    pub fn fair_since(self, earlier: Self) -> f64 {
        (self.fair_s - earlier.fair_s).max(0.0)
    }
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Moment,
    total: ThreadTime,
}

/// Samples kept: at one a second, enough for every window that a rule asks for.
const SAMPLES: usize = 128;

/// A guest that wants less than this share of a CPU is not held back by the host.
const IDLE: f64 = 0.05;

/// Samples for which a process that was found stopped counts as one that is stopped now and then.
const STOPPED_SAMPLES: u32 = 3;

/// The least share of a second that is ever counted: even a starved guest comes to its deadline.
const LEAST_SHARE: f64 = 0.05;

/// Counts fair time.
#[derive(Debug, Clone)]
pub struct FairClock {
    now: Moment,
    share: f64,
    /// Samples for which the process still counts as stopped now and then.
    stopped: u32,
    /// The share of the time for which the lab itself stops it.
    held: f64,
    samples: VecDeque<Sample>,
}

impl Default for FairClock {
    fn default() -> Self {
        Self { now: Moment::default(), share: 1.0, stopped: 0, held: 0.0, samples: VecDeque::new() }
    }
}

impl FairClock {
    /// The present.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Share of host time that the guest last got of what it wanted, from 0.05 to 1.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// Share of the last `window_s` seconds of host time that the guest got of what it wanted.
    pub fn share_over(&self, window_s: f64) -> f64 {
        let begin = self.now.host.as_secs_f64() - window_s;
        let before = self.samples.iter().rev().find(|sample| sample.at.host.as_secs_f64() <= begin);
        let before = before.map_or(Moment::default(), |sample| sample.at);
        let host_s = self.now.host.since(before.host).as_secs_f64();
        if host_s > 0.0 { (self.now.fair_since(before) / host_s).min(1.0) } else { self.share }
    }

    /// Whether somebody holds QEMU's process stopped at the moment: it seems idle then, and is not. Who stops it again and again
    /// may well let it run at the very moment of a sample.
    pub fn stopped(&mut self, stopped: bool) {
        self.stopped = if stopped { STOPPED_SAMPLES } else { self.stopped.saturating_sub(1) };
    }

    /// The lab itself keeps the vCPUs from running for this share of the time.
    pub fn hold(&mut self, share: f64) {
        self.held = share.clamp(0.0, 1.0 - LEAST_SHARE);
    }

    /// How many times longer than its fair time anything takes because the lab itself keeps the vCPUs from running.
    pub fn stretch(&self) -> f64 {
        1.0 / (1.0 - self.held)
    }

    /// Lets host time pass; time never goes back.
    pub fn advance(&mut self, to: Stamp) {
        self.now.fair_s += to.since(self.now.host).as_secs_f64() * self.share;
        self.now.host = self.now.host.max(to);
    }

    /// Takes the vCPU threads' times at the present moment. The second that has just passed was counted with the share
    /// of the one before it; it is counted again with its own.
    pub fn sample(&mut self, threads: &[ThreadTime]) {
        let total = threads.iter().fold(ThreadTime::default(), |sum, t| ThreadTime {
            ran_us: sum.ran_us + t.ran_us,
            waited_us: sum.waited_us + t.waited_us,
        });
        let before =
            self.samples.back().copied().unwrap_or(Sample { at: Moment::default(), total: ThreadTime::default() });
        let host_s = self.now.host.since(before.at.host).as_secs_f64();
        if host_s > 0.0 {
            let ran = total.ran_us.saturating_sub(before.total.ran_us) as f64 / 1e6;
            let waited = total.waited_us.saturating_sub(before.total.waited_us) as f64 / 1e6;
            // While the lab holds the process, it neither runs nor waits, and is no idle guest.
            let held = 1.0 - self.held;
            let share = if self.held > 0.0 && ran + waited > IDLE * held * host_s {
                ran / (ran + waited) * held
            } else if self.held > 0.0 {
                held
            } else if self.stopped > 0 {
                ran / host_s.max(ran + waited)
            } else if ran + waited > IDLE * host_s {
                ran / (ran + waited)
            } else {
                1.0
            };
            let share = share.clamp(LEAST_SHARE, 1.0);
            self.now.fair_s += host_s * (share - self.share);
            self.share = share;
        }
        self.samples.push_back(Sample { at: self.now, total });
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
    }

    /// The lab's own timer came late by so much: what it would have seen in that time does not count either. Time that
    /// the last sample's share has already taken away is not taken twice.
    pub fn late(&mut self, by: Duration) {
        self.now.fair_s = (self.now.fair_s - by.as_secs_f64() * self.share).max(0.0);
    }

    /// How many CPUs the guest ran on or waited for, on average since `since`, and would have while the lab held it; `None`
    /// without two samples there.
    pub fn demand(&self, since: Stamp) -> Option<f64> {
        let first = self.samples.iter().find(|sample| sample.at.host >= since)?;
        let last = self.samples.back()?;
        let host_s = last.at.host.since(first.at.host).as_secs_f64();
        let wanted = |s: &Sample| (s.total.ran_us + s.total.waited_us) as f64 / 1e6;
        (host_s > 0.0).then(|| (wanted(last) - wanted(first)) / host_s * self.stretch())
    }

    /// The host time at which `fair_s` more fair seconds will have passed if the host goes on as now; a little later
    /// rather than earlier, so that a deadline has passed when it is looked at.
    pub fn host_time_in(&self, fair_s: f64) -> Stamp {
        self.now.host + Duration::from_secs_f64((fair_s.max(0.0) / self.share).min(1e6)) + Duration::from_millis(1)
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
